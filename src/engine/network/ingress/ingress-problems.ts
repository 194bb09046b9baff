/** What is wrong with Ingresses, to be told by Events. Pure. */
import type { Ingress } from "../../../kube/kinds/ingress.ts";
import type { IngressClass } from "../../../kube/kinds/ingressclass.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { keyOf } from "../../../kube/object.ts";
import { backendProblem } from "./backend-problem.ts";
import { BUILT_IN_CLASS, CONTROLLER, missingClass } from "./ingress-class.ts";
import { type RouteBackend, routeKey } from "./route-backend.ts";
import { buildRouteTable } from "./route-table.ts";
import type { Problem } from "./told-problems.ts";

export function classProblems(
  all: readonly Ingress[],
  classes: readonly IngressClass[],
): Problem[] {
  return all.flatMap((ingress) => {
    const name = missingClass(ingress, classes);
    return name === undefined
      ? []
      : [
          {
            ingress: keyOf(ingress),
            reason: "ClassNotFound",
            message: `there is no IngressClass ${name}, so nobody serves this; name ${BUILT_IN_CLASS}, or create the class with the controller ${CONTROLLER}`,
          },
        ];
  });
}

/** `backends` are those of all Ingresses that are served. */
export function backendProblems(
  served: readonly Ingress[],
  backends: readonly RouteBackend[],
  serviceOf: (key: string) => Service | undefined,
): Problem[] {
  const broken = new Map<string, string>();
  for (const route of backends) {
    const problem = backendProblem(route, serviceOf);
    if (problem !== undefined) broken.set(routeKey(route), problem);
  }
  if (broken.size === 0) return [];
  return served.flatMap((ingress) =>
    routesOf(ingress).flatMap((route) => {
      const message = broken.get(routeKey(route));
      return message === undefined
        ? []
        : [{ ingress: keyOf(ingress), reason: "BackendNotFound", message }];
    }),
  );
}

/** Ingresses never change in place: what each one leads to is found out once. */
const knownRoutes = new WeakMap<Ingress, readonly RouteBackend[]>();

function routesOf(ingress: Ingress): readonly RouteBackend[] {
  const routes = knownRoutes.get(ingress) ?? buildRouteTable([ingress]).backends;
  knownRoutes.set(ingress, routes);
  return routes;
}
