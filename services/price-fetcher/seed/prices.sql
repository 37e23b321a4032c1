-- Prices for local development, on a migrated database. May run again and again, on SQLite and on Oracle.
DELETE FROM prices WHERE product_id IN ('PROD-101', 'PROD-102', 'PROD-103', 'PROD-201', 'PROD-202');
INSERT INTO prices (product_id, amount, currency) VALUES ('PROD-101', '99.99', 'USD');
INSERT INTO prices (product_id, amount, currency) VALUES ('PROD-102', '149.50', 'USD');
INSERT INTO prices (product_id, amount, currency) VALUES ('PROD-103', '0.0125', 'USD');
INSERT INTO prices (product_id, amount, currency) VALUES ('PROD-201', '1299.00', 'EUR');
INSERT INTO prices (product_id, amount, currency) VALUES ('PROD-202', '15800', 'JPY');
