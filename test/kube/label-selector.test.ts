import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatLabelSelector,
  type LabelRequirement,
  matchesLabels,
  parseLabelSelector,
  requirementOf,
  SelectorError,
  selectorFromLabels,
  selectorOf,
} from "../../src/kube/label-selector.ts";

const selects = (text: string, labels: Record<string, string>) =>
  matchesLabels(parseLabelSelector(text), labels);

describe("text selectors", () => {
  test.each([
    ["", {}, true],
    ["app", { app: "" }, true],
    ["app", {}, false],
    ["!app", {}, true],
    ["! app", { app: "x" }, false],
    ["app=web", { app: "web" }, true],
    ["app==web", { app: "web" }, true],
    [" app = web ", { app: "api" }, false],
    ["app=", { app: "" }, true],
    ["app=,tier=a", { app: "", tier: "a" }, true],
    ["app!=web", { app: "web" }, false],
    ["app!=web", {}, true],
    ["app in (web, api)", { app: "api" }, true],
    ["app in (web,api)", { app: "db" }, false],
    ["app in (,web)", { app: "" }, true],
    ["app notin (web)", {}, true],
    ["app notin (web)", { app: "web" }, false],
    ["app=web,tier!=db,!old", { app: "web", tier: "front" }, true],
    ["app=web,tier", { app: "web" }, false],
    ["cpu>3", { cpu: "4" }, true],
    ["cpu<3", { cpu: "4" }, false],
    ["cpu>3", { cpu: "many" }, false],
    ["example.com/a-b_c.d=v", { "example.com/a-b_c.d": "v" }, true],
    ["in=x", { in: "x" }, true],
    ["constructor", {}, false],
    ["!toString", {}, true],
  ])("%j on %j: %s", (text, labels, expected) => {
    expect(selects(text, labels)).toBe(expected);
  });

  test.each([
    "app=web,",
    ",app=web",
    "app=web tier=db",
    "app in web",
    "app in (web",
    "app in (web api)",
    "app in (a=b)",
    "=web",
    "app=(web)",
    "!",
    "app=a=b",
    "a/b/c=x",
    "UPPER.example/x=y",
    "-app=web",
    "app=-web",
    "app=web!",
    "cpu>three",
    `app=${"x".repeat(64)}`,
    `${"x".repeat(64)}=y`,
    "x".repeat(70_000),
  ])("text %# is refused", (text) => {
    expect(() => parseLabelSelector(text)).toThrow(SelectorError);
  });
});

describe("selector objects", () => {
  test("none selects nothing, an empty one selects everything", () => {
    expect(matchesLabels(selectorOf(undefined), { app: "web" })).toBe(false);
    expect(matchesLabels(selectorOf(null), {})).toBe(false);
    expect(matchesLabels(selectorOf({}), undefined)).toBe(true);
  });

  test("matchLabels and matchExpressions must all hold", () => {
    const selector = selectorOf({
      matchLabels: { app: "web" },
      matchExpressions: [
        { key: "tier", operator: "In", values: ["front", "edge"] },
        { key: "old", operator: "DoesNotExist" },
      ],
    });
    expect(matchesLabels(selector, { app: "web", tier: "edge" })).toBe(true);
    expect(matchesLabels(selector, { app: "web", tier: "edge", old: "1" })).toBe(false);
    expect(matchesLabels(selector, { app: "web" })).toBe(false);
    expect(formatLabelSelector(selector)).toBe("app=web,!old,tier in (edge,front)");
  });

  test.each([
    ["In", []],
    ["NotIn", []],
    ["Exists", ["a"]],
    ["DoesNotExist", ["a"]],
    ["Gt", ["a"]],
    ["Lt", ["1", "2"]],
    ["toString", []],
    ["in", ["a"]],
  ])("operator %s with %j is refused", (operator, values) => {
    expect(() => requirementOf("key", operator, values)).toThrow(SelectorError);
  });
});

test("plain labels select objects that carry them all", () => {
  const selector = selectorFromLabels({ app: "web", tier: "front" });
  expect(matchesLabels(selector, { app: "web", tier: "front", extra: "1" })).toBe(true);
  expect(matchesLabels(selector, { app: "web" })).toBe(false);
});

const labelText = fc.stringMatching(/^[a-z0-9]([-a-z0-9_.]{0,5}[a-z0-9])?$/);
const requirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  fc.record({
    key: labelText,
    operator: fc.constantFrom("=" as const, "!=" as const),
    values: fc.tuple(labelText),
  }),
  fc.record({
    key: labelText,
    operator: fc.constantFrom("exists" as const, "!" as const),
    values: fc.constant([]),
  }),
  fc.record({
    key: labelText,
    operator: fc.constantFrom("in" as const, "notin" as const),
    values: fc
      .uniqueArray(labelText, { minLength: 1, maxLength: 3 })
      .map((values) => values.sort()),
  }),
);

test("property: a formatted selector parses to one that selects the same", () => {
  fc.assert(
    fc.property(
      fc.array(requirement, { maxLength: 4 }),
      fc.dictionary(labelText, labelText, { maxKeys: 4 }),
      (requirements, labels) => {
        const parsed = parseLabelSelector(formatLabelSelector(requirements));
        expect(matchesLabels(parsed, labels)).toBe(matchesLabels(requirements, labels));
        expect(formatLabelSelector(parsed)).toBe(formatLabelSelector(requirements));
      },
    ),
  );
});
