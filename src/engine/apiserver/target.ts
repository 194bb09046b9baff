/** What an operation is about: one object of a served kind. */
import type { StoreKey } from "../store/store.ts";
import type { ServedKind } from "./registry.ts";

/** Names one object of a served kind. */
export interface Target {
  readonly kind: ServedKind;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly name: string;
}

export function storeKeyOf({ kind: { kind }, namespace, name }: Target): StoreKey {
  return { group: kind.group, plural: kind.plural, namespace: namespace ?? "", name };
}
