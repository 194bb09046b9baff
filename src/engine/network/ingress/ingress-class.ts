/**
 * Which Ingresses are served here. Pure. A class is named by `spec.ingressClassName` or by the older
 * annotation; without one, the default class decides, and without a default class there is nobody
 * else to serve the Ingress.
 */
import type { Ingress } from "../../../kube/kinds/ingress.ts";
import { DEFAULT_CLASS_ANNOTATION, type IngressClass } from "../../../kube/kinds/ingressclass.ts";

/** `spec.controller` of classes that are served here. */
export const CONTROLLER = "gantry.dev/ingress";
/** The class that needs no IngressClass object. */
export const BUILT_IN_CLASS = "gantry";
const CLASS_ANNOTATION = "kubernetes.io/ingress.class";

export function isServed(ingress: Ingress, classes: readonly IngressClass[]): boolean {
  const name = classNameOf(ingress);
  if (name !== undefined) {
    const found = classes.find(({ metadata }) => metadata.name === name);
    return found === undefined ? name === BUILT_IN_CLASS : isOurs(found);
  }
  const chosen = defaultClass(classes);
  return chosen === undefined || isOurs(chosen);
}

/** The class that an Ingress names and that nobody can serve, since it does not exist. */
export function missingClass(
  ingress: Ingress,
  classes: readonly IngressClass[],
): string | undefined {
  const name = classNameOf(ingress);
  const exists = name === BUILT_IN_CLASS || classes.some(({ metadata }) => metadata.name === name);
  return exists ? undefined : name;
}

function classNameOf({ spec, metadata }: Ingress): string | undefined {
  return spec?.ingressClassName ?? metadata.annotations?.[CLASS_ANNOTATION];
}

const isOurs = ({ spec }: IngressClass): boolean => spec?.controller === CONTROLLER;

/** With several, the newest counts, then the first by name, as upstream's admission has it. */
function defaultClass(classes: readonly IngressClass[]): IngressClass | undefined {
  return classes
    .filter(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === "true")
    .sort(
      (a, b) =>
        compare(b.metadata.creationTimestamp ?? "", a.metadata.creationTimestamp ?? "") ||
        compare(a.metadata.name, b.metadata.name),
    )[0];
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
