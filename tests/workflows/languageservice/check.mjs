// Reads paths from standard input, one a line; writes a JSON list of what GitHub's own parser says of these files.
import { existsSync, readFileSync } from "node:fs";
import { register } from "node:module";

// The parser is made for bundlers: it imports JSON without saying so, which Node refuses.
const hook = `export const load = (url, context, next) =>
  next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { validate } = await import("@actions/languageservice");
const { TextDocument } = await import("vscode-languageserver-textdocument");
const { parse } = await import("yaml");

// What a workflow of another repository calls and uses of ours is looked up in this folder as well.
const read = (path) => {
  if (!existsSync(path)) throw new Error(`${path} is not there`);
  return readFileSync(path, "utf8");
};
const fileProvider = { getFileContent: async ({ path }) => ({ name: path, content: read(path) }) };
const actionsMetadataProvider = {
  // GitHub's own actions have no path: what they take is not known here.
  fetchActionMetadata: async ({ path }) => (path ? parse(read(`${path}/action.yml`)) : { name: "", description: "" }),
};

const said = [];
for (const path of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const document = TextDocument.create(`file:///${path}`, "yaml", 0, read(path));
  for (const { range, message } of await validate(document, { fileProvider, actionsMetadataProvider })) {
    said.push(`${path}:${range.start.line + 1}: ${message}`);
  }
}
process.stdout.write(JSON.stringify(said));
