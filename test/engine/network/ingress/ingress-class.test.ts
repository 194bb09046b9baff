import { expect, test } from "vitest";
import { isServed } from "../../../../src/engine/network/ingress/ingress-class.ts";
import type { IngressClass } from "../../../../src/kube/kinds/ingressclass.ts";
import { classOf, ingressOf } from "./ingress-objects.ts";

const OURS = classOf("edge", "gantry.dev/ingress");
const NGINX = classOf("nginx", "k8s.io/ingress-nginx");
const annotated = (name: string) => ({ annotations: { "kubernetes.io/ingress.class": name } });

test.each<[string, Parameters<typeof ingressOf>[0], IngressClass[], boolean]>([
  ["no class anywhere", {}, [], true],
  ["no class, and no default one", {}, [NGINX], true],
  [
    "the default class of another controller",
    {},
    [classOf("n", "x/y", { isDefault: true })],
    false,
  ],
  ["our default class", {}, [classOf("e", "gantry.dev/ingress", { isDefault: true }), NGINX], true],
  ["a class of ours", { class: "edge" }, [OURS, NGINX], true],
  ["a class of another controller", { class: "nginx" }, [OURS, NGINX], false],
  ["a class that does not exist", { class: "nginx" }, [OURS], false],
  ["the built-in class without an object", { class: "gantry" }, [], true],
  [
    "the built-in class, taken by another controller",
    { class: "gantry" },
    [classOf("gantry", "x/y")],
    false,
  ],
  ["the annotation with a class of ours", annotated("edge"), [OURS], true],
  ["the annotation with another class", annotated("nginx"), [], false],
  ["the annotation with the built-in class", annotated("gantry"), [], true],
  ["the field before the annotation", { class: "edge", ...annotated("nginx") }, [OURS], true],
])("%s", (_case, draft, classes, expected) => {
  expect(isServed(ingressOf(draft), classes)).toBe(expected);
});

test("of several default classes the newest counts, then the first by name", () => {
  const ours = (age: number) => classOf("b", "gantry.dev/ingress", { isDefault: true, age });
  const other = (age: number) => classOf("a", "x/y", { isDefault: true, age });
  expect(isServed(ingressOf({}), [ours(2), other(1)])).toBe(true);
  expect(isServed(ingressOf({}), [ours(1), other(2)])).toBe(false);
  expect(isServed(ingressOf({}), [ours(1), other(1)])).toBe(false);
});
