/** Reads the whole repository and holds it to the house rules of docs/contributing.md. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");

/** What each layer may import besides itself, bottom to top. */
const LAYERS: Record<string, readonly string[]> = {
  kube: [],
  client: ["kube"],
  engine: ["kube", "client"],
  gitops: ["kube", "client"],
  server: ["kube", "client", "engine", "gitops"],
  cli: ["kube", "client", "engine", "gitops", "server"],
};
/** Parts of the engine that see the cluster through `Client` only. */
const ENGINE_CLIENTS = ["controllers", "scheduler", "node", "network", "storage", "simulation"];
/** Names under which things get lost. */
const EMPTY_NAMES = /(^|\/)(utils?|helpers?|common|misc|types|constants|shared)(\/|\.ts$)/;

function filesUnder(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(join(ROOT, path)).isFile());
}
const sources = filesUnder("src").filter((path) => path.endsWith(".ts"));
const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** The program without its comments. */
const codeOf = (path: string): string =>
  textOf(path).replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, "$1");

/** Every module named in an import or export, type imports included. */
function importsOf(path: string): string[] {
  const pattern = /(?:^|\n)\s*(?:import|export)\b[^"';]*?from\s+"([^"]+)"|import\("([^"]+)"\)/g;
  return [...textOf(path).matchAll(pattern)].map((match) => match[1] ?? match[2] ?? "");
}
function target(path: string, specifier: string): string {
  return relative(ROOT, resolve(ROOT, dirname(path), specifier));
}

describe("the house rules", () => {
  test("layers import downwards only, and gitops and engine never each other", () => {
    const wrong = sources.flatMap((path) => {
      const layer = path.split("/")[1] ?? "";
      return importsOf(path)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => target(path, specifier))
        .filter((imported) => imported.startsWith("src/"))
        .filter((imported) => {
          const other = imported.split("/")[1] ?? "";
          return other !== layer && LAYERS[layer]?.includes(other) !== true;
        })
        .map((imported) => `${path} → ${imported}`);
    });
    expect(wrong).toEqual([]);
  });

  test("kube is pure: nothing of Node.js, no clock", () => {
    const wrong = sources
      .filter((path) => path.startsWith("src/kube/"))
      .filter(
        (path) =>
          importsOf(path).some((specifier) => specifier.startsWith("node:")) ||
          /\b(Date\.now|setTimeout|setInterval|Math\.random|process\.)/.test(codeOf(path)),
      );
    expect(wrong).toEqual([]);
  });

  test("controllers, scheduler, node and network see the cluster through Client only", () => {
    const wrong = sources.flatMap((path) => {
      const [, layer, part = ""] = path.split("/");
      if (layer !== "engine" || !ENGINE_CLIENTS.includes(part)) return [];
      return importsOf(path)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => target(path, specifier))
        .filter((imported) => /^src\/engine\/(store|apiserver)\//.test(imported))
        .filter((imported) => imported !== "src/engine/apiserver/node-connection.ts")
        .map((imported) => `${path} → ${imported}`);
    });
    expect(wrong).toEqual([]);
  });

  test("every file has a name that someone would search for", () => {
    const tests = filesUnder("test").filter((path) => path.endsWith(".ts"));
    const wrong = [...sources, ...tests].filter(
      (path) =>
        EMPTY_NAMES.test(path) ||
        !/^[a-z0-9][a-z0-9./-]*\.ts$/.test(path.slice(path.lastIndexOf("/") + 1)),
    );
    expect(wrong).toEqual([]);
  });

  test("nothing is left unfinished or silenced", () => {
    const banned =
      /\b(TODO|FIXME|XXX|HACK)\b|not implemented|\bas any\b|@ts-ignore|@ts-expect-error|(?:test|it|describe)\.only\(/;
    const tests = filesUnder("test").filter(
      (path) => path.endsWith(".ts") && path !== "test/tidy.test.ts",
    );
    const wrong = [...sources, ...tests].filter((path) => banned.test(textOf(path)));
    expect(wrong).toEqual([]);
  });

  test("no source file has a default export", () => {
    expect(sources.filter((path) => /^export default /m.test(textOf(path)))).toEqual([]);
  });

  test("the lock file records no registry address", () => {
    expect(textOf("package-lock.json")).not.toMatch(/"resolved"/);
  });
});
