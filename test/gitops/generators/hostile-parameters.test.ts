/** Parameters come from repositories and forges: their names and values are only names and values. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { combine, complete } from "../../../src/gitops/generators/combine.ts";
import { generate, type GeneratorInputs } from "../../../src/gitops/generators/generate.ts";
import {
  flatten,
  GeneratorError,
  mergeParameters,
  type Parameters,
} from "../../../src/gitops/generators/parameters.ts";
import { pullRequestParameters } from "../../../src/gitops/generators/pull-requests.ts";
import { TemplateError } from "../../../src/gitops/template/template-error.ts";
import type { ApplicationSetGenerator } from "../../../src/kube/kinds/applicationset.ts";
import type { Json } from "../../../src/kube/object.ts";

/** `JSON.parse` makes own fields of such names, as a repository's file would. */
const key = fc.constantFrom(
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "a",
  "a.b",
  "[0]",
  "",
  "path",
  "{{x}}",
);
const leaf = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(
    "{{a}}",
    "{{ __proto__.polluted }}",
    "{{constructor.constructor}}",
    "{{ a | upper",
  ),
);
const { object } = fc.letrec<{ object: Json; value: Json }>((tie) => ({
  object: fc
    .array(fc.tuple(key, tie("value")), { maxLength: 4 })
    .map(
      (fields) =>
        JSON.parse(
          `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`,
        ) as Json,
    ),
  value: fc.oneof({ maxDepth: 3 }, leaf, tie("object"), fc.array(leaf, { maxLength: 2 })),
}));
const parameters = object as fc.Arbitrary<Parameters>;

function isClean(): void {
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
}
/** Runs it; a refusal that says what is wrong is a good end, too. */
async function orRefused(run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (error) {
    expect([GeneratorError, TemplateError].some((known) => error instanceof known)).toBe(true);
  }
  isClean();
}

test("merged parameters have the fields of both, whatever these are called", () => {
  fc.assert(
    fc.property(parameters, parameters, (first, second) => {
      const merged = mergeParameters(first, second);
      const names = [...Object.keys(first), ...Object.keys(second)];
      expect(new Set(Object.keys(merged))).toEqual(new Set(names));
      for (const [name, text] of Object.entries(flatten(merged)))
        expect([typeof name, typeof text]).toEqual(["string", "string"]);
      isClean();
    }),
    { numRuns: 1_000 },
  );
});

const inputs = (sets: readonly Parameters[]): GeneratorInputs => ({
  git: () => Promise.resolve(sets),
  pullRequests: () => Promise.resolve(sets),
});

test("any generators yield sets or are refused", async () => {
  const set = fc.array(parameters, { maxLength: 3 });
  const plain = fc.oneof(
    set.map((elements): ApplicationSetGenerator => ({ list: { elements } })),
    fc.constant<ApplicationSetGenerator>({
      git: { repoURL: "{{a}}", directories: [{ path: "{{path}}" }] },
    }),
    fc.constant<ApplicationSetGenerator>({ pullRequest: { url: "https://{{a}}/" } }),
  );
  const inner = fc.array(plain, { minLength: 2, maxLength: 3 });
  const generator = fc.oneof(
    plain,
    inner.map((generators): ApplicationSetGenerator => ({ matrix: { generators } })),
    fc.tuple(inner, fc.array(key)).map(
      ([generators, mergeKeys]): ApplicationSetGenerator => ({
        merge: { generators, mergeKeys },
      }),
    ),
    fc.tuple(plain, key, fc.string()).map(
      ([one, name, value]): ApplicationSetGenerator => ({
        ...one,
        selector: { matchLabels: { [name]: value } },
      }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(generator, { maxLength: 2 }), set, (generators, sets) =>
      orRefused(() => generate(generators, inputs(sets))),
    ),
    { numRuns: 500 },
  );
});

test("any sets are combined and completed, or contradict", async () => {
  const sets = fc.array(parameters, { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(parameters, sets, sets, fc.array(key), async (one, first, second, keys) => {
      await orRefused(() => combine(one, first));
      await orRefused(() => complete([first, second], keys));
    }),
    { numRuns: 500 },
  );
});

test("any list of pull requests is read, or said to lack something", async () => {
  const field = fc.constantFrom("number", "branch", "headSha", "title", "labels", "__proto__");
  const item = fc.oneof(object, leaf);
  await fc.assert(
    fc.asyncProperty(
      fc.array(item, { maxLength: 3 }),
      fc.dictionary(field, key),
      fc.string(),
      async (items, fields, match) => {
        const generator = {
          url: "https://x/",
          fields,
          filters: [{ branchMatch: match, titleMatch: match }],
        };
        await orRefused(() => pullRequestParameters(items, generator));
      },
    ),
    { numRuns: 500 },
  );
});
