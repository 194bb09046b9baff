/** The actions of a kind. */
import type { ServedKind } from "../registry.ts";
import { bind } from "./binding.ts";
import { evict } from "./eviction.ts";
import { noSuchSubresource, type ObjectAction } from "./subresource.ts";
import { requestToken } from "./token.ts";

/** By `<group>/<plural>/<subresource>`. */
const ACTIONS: ReadonlyMap<string, ObjectAction> = new Map([
  ["/pods/binding", bind],
  ["/pods/eviction", evict],
  ["/serviceaccounts/token", requestToken],
]);

/** Throws 404 for a subresource that the kind does not have. */
export function actionOf(served: ServedKind, subresource: string): ObjectAction {
  const { group, plural } = served.kind;
  const action = ACTIONS.get(`${group}/${plural}/${subresource}`);
  if (action === undefined) throw noSuchSubresource(served, subresource);
  return action;
}
