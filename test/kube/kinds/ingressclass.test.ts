import { expect, test } from "vitest";
import { ingressClasses } from "../../../src/kube/kinds/ingressclass.ts";
import { cells, type Draft, draft, problems, shown } from "./checked.ts";

const CONTROLLER = "gantry.dev/ingress";
const check = (spec: Draft) =>
  problems(ingressClasses, { spec }).map((problem) => problem.slice(0, problem.indexOf(": ")));

test.each<[what: string, spec: Draft]>([
  ["a controller", { controller: CONTROLLER }],
  ["parameters of the cluster", { controller: CONTROLLER, parameters: { kind: "P", name: "p" } }],
  [
    "parameters of a namespace",
    {
      controller: CONTROLLER,
      parameters: { kind: "P", name: "p", scope: "Namespace", namespace: "a" },
    },
  ],
])("takes %s", (_what, spec) => {
  expect(check(spec)).toEqual([]);
});

test.each<[what: string, spec: Draft, field: string]>([
  ["no controller", {}, "spec.controller"],
  ["a controller without a domain", { controller: "ingress" }, "spec.controller"],
  ["a controller that is too long", { controller: `a.b/${"c".repeat(250)}` }, "spec.controller"],
  [
    "parameters of a namespace that is not named",
    { controller: CONTROLLER, parameters: { kind: "P", name: "p", scope: "Namespace" } },
    "spec.parameters.namespace",
  ],
  [
    "a namespace for parameters of the cluster",
    { controller: CONTROLLER, parameters: { kind: "P", name: "p", namespace: "a" } },
    "spec.parameters.namespace",
  ],
])("refuses %s", (_what, spec, field) => {
  expect(check(spec)).toEqual([field]);
});

test("the controller stays what it was", () => {
  const of = (controller: string) => draft(ingressClasses, { spec: { controller } });
  const update = ingressClasses.strategy.validateUpdate?.bind(ingressClasses.strategy);
  expect(update?.(of(CONTROLLER), of(CONTROLLER))).toEqual([]);
  expect(shown(update?.(of("a.b/c"), of(CONTROLLER)) ?? [])).toEqual([
    expect.stringContaining("spec.controller: "),
  ]);
});

test("shows controller and parameters", () => {
  const parameters = { apiGroup: "a.org", kind: "P", name: "p" };
  const object = draft(ingressClasses, { spec: { controller: CONTROLLER, parameters } });
  expect(cells(ingressClasses, object)).toMatchObject({
    Controller: CONTROLLER,
    Parameters: "P.a.org/p",
  });
  expect(cells(ingressClasses, draft(ingressClasses))).toMatchObject({ Parameters: "<none>" });
});
