import { expect, it } from "vitest";
import { expand } from "../../../../src/engine/node/env/expansion.ts";

const variables: Readonly<Record<string, string>> = { A: "a", EMPTY: "", REF: "$(A)" };
const lookup = (name: string): string | undefined => variables[name];

// From the cases of third_party/forked/golang/expansion in k8s.io/kubernetes.
it.each([
  ["", ""],
  ["$(A)", "a"],
  ["x$(A)y$(A)z", "xayaz"],
  ["[$(EMPTY)]", "[]"],
  ["$(MISSING)", "$(MISSING)"],
  ["$(REF)", "$(A)"],
  ["$$(A)", "$(A)"],
  ["$$$(A)", "$a"],
  ["$$$$(A)", "$$(A)"],
  ["foo$$bar", "foo$bar"],
  ["$A", "$A"],
  ["$", "$"],
  ["$(", "$("],
  ["$(A", "$(A"],
  ["\n$(A)\n", "\na\n"],
  ["$(A)$", "a$"],
  ["$()", "$()"],
  ["$?_)_($(A)", "$?_)_(a"],
])("expands %j to %j", (text, expected) => {
  expect(expand(text, lookup)).toBe(expected);
});
