import { createRequire } from "node:module";

/** The version in package.json: the bundle lies in `dist/`, next to it. */
export function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("../package.json");
  return (manifest as { version: string }).version;
}
