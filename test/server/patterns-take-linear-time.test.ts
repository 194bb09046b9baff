import { beforeAll, expect, test } from "vitest";
import { customResourceDefinitions } from "../../src/kube/kinds/customresourcedefinition.ts";
import { validate } from "../../src/kube/schema/validate.ts";
import { matchPatternsInLinearTime } from "../../src/server/linear-patterns.ts";
import { startServer } from "../engine/apiserver/test-server.ts";

beforeAll(matchPatternsInLinearTime);

test.each(["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(\\w+\\s?)*$", "^([a-zA-Z]+)*$"])(
  "%s answers at once for a value made to backtrack",
  (pattern) => {
    // 2^60 steps otherwise: this test would not end.
    const errors = validate({ type: "string", pattern }, `${"a".repeat(60)}!`);
    expect(errors).toHaveLength(1);
  },
);

test.each(["(?=a)a", "(?!a)b", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?<n>a)\\k<n>"])(
  "a definition with the pattern %s is refused, as RE2 would",
  async (pattern) => {
    const { client, server } = await startServer();
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "things.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { plural: "things", singular: "thing", kind: "Thing", listKind: "ThingList" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: { spec: { type: "string", pattern } },
              },
            },
          },
        ],
      },
    };
    await expect(client.create(customResourceDefinitions, definition as never)).rejects.toThrow(
      /pattern: Invalid value.*must be a valid regular expression/,
    );
    await server.close();
  },
);
