"""CloudWatch metric math over series of values: the part of it that can be calculated exactly here.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html: names of other queries,
numbers, `+ - * /`, comparisons (1 or 0), `IF(condition, then, else)`, `FILL(series, number or REPEAT)`,
`ABS`, `CEIL`, `FLOOR`. Everything else is refused, so that nothing that we do not know looks healthy.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence

# Value by the start of its period; a period without data is absent.
Series = Mapping[int, float]
_Operand = float | Series

_BINARY: dict[type[ast.operator] | type[ast.cmpop], Callable[[float, float], float | None]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right if right else None,
    ast.Eq: lambda left, right: float(left == right),
    ast.NotEq: lambda left, right: float(left != right),
    ast.Lt: lambda left, right: float(left < right),
    ast.LtE: lambda left, right: float(left <= right),
    ast.Gt: lambda left, right: float(left > right),
    ast.GtE: lambda left, right: float(left >= right),
}
_UNARY: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda value: float(math.ceil(value)),
    "FLOOR": lambda value: float(math.floor(value)),
}


class UnknownMath(ValueError):
    """An expression that the sandbox does not calculate; the message says which part of it."""


def check(expression: str, names: Iterable[str]) -> None:
    """Raises UnknownMath when the expression cannot be calculated from queries of these names."""
    evaluate(expression, {name: {} for name in names}, ())


def names_in(expression: str) -> set[str]:
    """The names of the queries that the expression reads. Raises UnknownMath when it does not parse."""
    functions = {node.func for node in ast.walk(_parsed(expression)) if isinstance(node, ast.Call)}
    return {
        node.id
        for node in ast.walk(_parsed(expression))
        if isinstance(node, ast.Name) and node.id not in {*_UNARY, "IF", "FILL", "REPEAT"}
        if node not in functions
    }


def evaluate(expression: str, series: Mapping[str, Series], periods: Sequence[int]) -> Series:
    """The series of the expression; `periods` are those asked for, in order, which FILL fills.

    Where an operand has no data, or the divisor is zero, the result has none. Raises UnknownMath, also for an
    expression that is a number and no series.
    """

    def value_of(node: ast.expr) -> _Operand:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name) if name in series:
                return series[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _pointwise(lambda value: -value, value_of(operand))
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _BINARY:
                return _pointwise(_BINARY[type(operation)], value_of(left), value_of(right))
            case ast.Compare(left=left, ops=[operation], comparators=[right]) if type(operation) in _BINARY:
                return _pointwise(_BINARY[type(operation)], value_of(left), value_of(right))
            case ast.Call(func=ast.Name(id=name), args=[only], keywords=[]) if name in _UNARY:
                return _pointwise(_UNARY[name], value_of(only))
            case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise], keywords=[]):
                return _chosen(value_of(condition), value_of(then), value_of(otherwise))
            case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Name(id="REPEAT")], keywords=[]):
                return _repeated(_series(value_of(filled)), periods)
            case ast.Call(func=ast.Name(id="FILL"), args=[filled, filler], keywords=[]):
                return _filled(_series(value_of(filled)), value_of(filler), periods)
        raise UnknownMath(f"metric math that the sandbox does not know: {ast.unparse(node)} in {expression}")

    def _series(operand: _Operand) -> Series:
        if isinstance(operand, float):
            raise UnknownMath(f"a number where a time series is needed in {expression}")
        return operand

    return _series(value_of(_parsed(expression).body))


def _parsed(expression: str) -> ast.Expression:
    try:
        return ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnknownMath(f"metric math that the sandbox does not know: {expression}") from error


def _pointwise(operation: Callable[..., float | None], *operands: _Operand) -> _Operand:
    """Numbers are the same in every period; a period counts where every series has data."""
    shared = [set(operand) for operand in operands if not isinstance(operand, float)]
    if not shared:
        number = operation(*operands)
        return {} if number is None else number
    result = {}
    for period in sorted(set.intersection(*shared)):
        values = [operand if isinstance(operand, float) else operand[period] for operand in operands]
        if (value := operation(*values)) is not None:
            result[period] = value
    return result


def _chosen(condition: _Operand, then: _Operand, otherwise: _Operand) -> _Operand:
    """IF decides period by period, and needs data only from the side that it takes."""
    if isinstance(condition, float):
        return then if condition else otherwise
    result = {}
    for period, decided in condition.items():
        taken = then if decided else otherwise
        value = taken if isinstance(taken, float) else taken.get(period)
        if value is not None:
            result[period] = value
    return result


def _repeated(series: Series, periods: Sequence[int]) -> Series:
    result: dict[int, float] = {}
    last: float | None = None
    for period in sorted({*periods, *series}):
        last = series.get(period, last)
        if last is not None:
            result[period] = last
    return result


def _filled(series: Series, filler: _Operand, periods: Sequence[int]) -> Series:
    result = {}
    for period in sorted({*periods, *series}):
        gap = filler if isinstance(filler, float) else filler.get(period)
        value = series.get(period, gap)
        if value is not None:
            result[period] = value
    return result
