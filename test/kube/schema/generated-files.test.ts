import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseDeclarations } from "../../../schemas/generator/declarations.ts";
import { generateSchemas } from "../../../schemas/generator/generate-schemas.ts";
import { mergeRow } from "../../../schemas/generator/merge-row.ts";

const root = join(import.meta.dirname, "../../..");
const committed = (): Map<string, string> => {
  const folders = ["schemas/kubernetes", "schemas/descriptions"];
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  );
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
};

describe("generated schemas", () => {
  test("are what the generator writes: running it changes nothing", () => {
    const files = generateSchemas(root);
    const present = committed();
    expect([...files.keys()].toSorted()).toEqual([...present.keys()].toSorted());
    const stale = [...files].filter(([path, text]) => text !== present.get(path));
    expect(stale.map(([path]) => path)).toEqual([]);
  });
});

describe("the reader of declarations", () => {
  test("understands what the package writes", () => {
    const source = `
      import { Time } from "../meta/v1";
      /** A thing. */
      export interface Thing {
        /** Its age.
         * In full. */
        readonly age?: Array<number>;
        "x-odd"?: { [name: string]: string[]; };
        size: number | string;
        kind?: "Thing";
      }
      export type Name = string;
    `;
    const { imports, declarations } = parseDeclarations(source, "thing.d.ts");
    expect([...imports]).toEqual([["Time", "../meta/v1"]]);
    expect(declarations).toMatchObject([
      {
        name: "Thing",
        description: "A thing.",
        members: [
          {
            name: "age",
            optional: true,
            description: "Its age.\nIn full.",
            type: { kind: "array" },
          },
          { name: "x-odd", type: { kind: "map", values: { kind: "array" } } },
          { name: "size", optional: false, type: { kind: "union" } },
          { name: "kind", type: { kind: "literal", value: "Thing" } },
        ],
      },
      { kind: "alias", name: "Name" },
    ]);
  });

  test("says where it is lost", () => {
    expect(() => parseDeclarations("export interface A {\n  b(): void;\n}", "a.d.ts")).toThrow(
      'a.d.ts:2: expected :, found "("',
    );
  });
});

describe("rows of the list table", () => {
  test("read as list extensions", () => {
    expect(mergeRow("map(port,protocol) merge(port)")).toEqual({
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["port", "protocol"],
      "x-kubernetes-patch-merge-key": "port",
      "x-kubernetes-patch-strategy": "merge",
    });
    expect(mergeRow("set merge duplicates")).toEqual({
      "x-kubernetes-list-type": "set",
      "x-kubernetes-patch-strategy": "merge",
      "x-gantry-duplicates-allowed": true,
    });
  });

  test("must follow the grammar", () => {
    expect(() => mergeRow("keyed by name")).toThrow("keyed by name");
  });
});
