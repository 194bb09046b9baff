/**
 * Writes `schemas/kubernetes/` and `schemas/descriptions/` from the `kubernetes-types` package and
 * the overlay. Run it with `npm run schemas:generate` after changing the overlay; a test checks that
 * what is committed is what it writes.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generateSchemas } from "./generator/generate-schemas.ts";

const root = process.cwd();
const files = generateSchemas(root);
for (const folder of ["schemas/kubernetes", "schemas/descriptions"])
  rmSync(join(root, folder), { recursive: true, force: true });
for (const [path, text] of files) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
process.stdout.write(`${files.size} files written\n`);
