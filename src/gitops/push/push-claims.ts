/**
 * What the Applications of one push would want: an object may move from one to another with it, and
 * a kind that one defines may be used by another. Pure.
 */
import type { CustomResourceDefinition } from "../../kube/kinds/customresourcedefinition.ts";
import type { Verdict } from "../plan/claims.ts";
import { refKey } from "../plan/object-ref.ts";
import type { PushedApplication } from "./pushed-application.ts";

export class PushClaims {
  /** By tracking label; those that cannot be rendered may want anything. */
  readonly #keys = new Map<string, ReadonlySet<string> | undefined>();
  readonly #namespaces = new Set<string>();
  readonly #kinds = new Set<string>();

  constructor(pushed: readonly PushedApplication[]) {
    for (const { label, derived, rendered } of pushed) {
      const { desired } = derived;
      const keys = new Set(desired.map(({ ref }) => refKey(ref)));
      this.#keys.set(label, rendered === undefined ? undefined : keys);
      for (const { ref, object } of desired) {
        if (ref.group === "" && ref.kind === "Namespace") this.#namespaces.add(ref.name);
        if (ref.kind !== "CustomResourceDefinition") continue;
        const { group, names } = (object as CustomResourceDefinition).spec;
        this.#kinds.add(`${group}/${names.kind}`);
      }
    }
  }

  /** What the owner of an object says of it. Whoever the push does not concern goes on wanting it. */
  verdict(owner: string, objectKey: string): Verdict {
    const keys = this.#keys.get(owner);
    return keys === undefined || keys.has(objectKey) ? "wanted" : "free";
  }

  wantedBy(objectKey: string, except: string): string | undefined {
    for (const [label, keys] of this.#keys)
      if (label !== except && keys?.has(objectKey) === true) return label;
    return undefined;
  }

  createsNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }

  definesKind({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
    return this.#kinds.has(`${group}/${kind}`);
  }
}
