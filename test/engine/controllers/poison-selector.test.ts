import { expect, test } from "vitest";
import { TerminalError } from "../../../src/client/reconciler.ts";
import {
  claimSelector,
  selects,
} from "../../../src/engine/controllers/ownership/owner-selector.ts";

const spoilt = { matchExpressions: [{ key: "app", operator: "Almost", values: ["web"] }] };

test("a selector that cannot be read matches nothing and stops nobody else", () => {
  expect(selects(spoilt, { app: "web" })).toBe(false);
  expect(selects(undefined, { app: "web" })).toBe(false);
  expect(selects({ matchLabels: { app: "web" } }, { app: "web" })).toBe(true);
});

test("its own owner neither adopts nor releases by it, and does not try again", () => {
  expect(() => claimSelector(spoilt)).toThrow(TerminalError);
  expect(() => claimSelector(spoilt)).toThrow(/^spec.selector: /);
});
