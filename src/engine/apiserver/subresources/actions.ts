/** The actions of a kind. */
import type { ServedKind } from "../registry.ts";
import { bind } from "./binding.ts";
import { evict } from "./eviction.ts";
import { noSuchSubresource, type ObjectAction } from "./subresource.ts";

const POD_ACTIONS: ReadonlyMap<string, ObjectAction> = new Map([
  ["binding", bind],
  ["eviction", evict],
]);

/** Throws 404 for a subresource that the kind does not have. */
export function actionOf(served: ServedKind, subresource: string): ObjectAction {
  const { group, plural } = served.kind;
  const action = group === "" && plural === "pods" ? POD_ACTIONS.get(subresource) : undefined;
  if (action === undefined) throw noSuchSubresource(served, subresource);
  return action;
}
