/**
 * Roles and bindings, by who is bound: follows the store, so that every decision is made from memory
 * and from committed state.
 */
import type { Subject } from "kubernetes-types/rbac/v1";
import { type ClusterRole, clusterRoles } from "../../../kube/kinds/clusterrole.ts";
import {
  type ClusterRoleBinding,
  clusterRoleBindings,
} from "../../../kube/kinds/clusterrolebinding.ts";
import { type Role, roles } from "../../../kube/kinds/role.ts";
import { type RoleBinding, roleBindings } from "../../../kube/kinds/rolebinding.ts";
import { type KubeObject, keyOf } from "../../../kube/object.ts";
import type { PolicyRule } from "../../../kube/rbac/policy-rules.ts";
import type { ResourceName, Store } from "../../store/store.ts";
import type { UserInfo } from "../request-context.ts";

const SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:";

/** Why somebody may do something. */
export interface Grant {
  readonly rules: readonly PolicyRule[];
  /** `RoleBinding "a/b" of Role "c" to User "d"`. */
  readonly because: string;
}

interface Bound {
  readonly binding: RoleBinding | ClusterRoleBinding;
  readonly subject: Subject;
}

/** `User:ada`, `Group:devs`; a service account is a user of its own name. */
type SubjectKey = string;

export class RoleGraph {
  readonly #roles = new Map<string, Role>();
  readonly #clusterRoles = new Map<string, ClusterRole>();
  /** By namespace ("" for the cluster), then by subject, then by the binding's key. */
  readonly #bound = new Map<string, Map<SubjectKey, Map<string, Bound>>>();
  readonly #stops: (() => void)[] = [];

  constructor(store: Store) {
    this.#follow(store, roles, this.#roles);
    this.#follow(store, clusterRoles, this.#clusterRoles);
    for (const resource of [roleBindings, clusterRoleBindings])
      this.#followBindings(store, resource);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  /** What a user was given in a namespace, and in the whole cluster. */
  *grantsOf(user: UserInfo, namespace: string | undefined): Generator<Grant> {
    const subjects = [`User:${user.name}`, ...user.groups.map((group) => `Group:${group}`)];
    for (const scope of namespace === undefined || namespace === "" ? [""] : ["", namespace]) {
      const bySubject = this.#bound.get(scope);
      if (bySubject === undefined) continue;
      for (const subject of subjects)
        for (const bound of bySubject.get(subject)?.values() ?? []) yield this.#grant(bound);
    }
  }

  /** The rules of the role that a binding names; undefined when there is none. */
  rulesOf({
    roleRef,
    metadata,
  }: RoleBinding | ClusterRoleBinding): readonly PolicyRule[] | undefined {
    const role =
      roleRef.kind === "Role"
        ? this.#roles.get(`${metadata.namespace ?? ""}/${roleRef.name}`)
        : this.#clusterRoles.get(roleRef.name);
    return role === undefined ? undefined : (role.rules ?? []);
  }

  #grant({ binding, subject }: Bound): Grant {
    const { roleRef, metadata } = binding;
    const where = metadata.namespace === undefined ? "" : `${metadata.namespace}/`;
    const kind = metadata.namespace === undefined ? "ClusterRoleBinding" : "RoleBinding";
    return {
      rules: this.rulesOf(binding) ?? [],
      because: `RBAC: allowed by ${kind} "${metadata.name}${where === "" ? "" : `/${metadata.namespace ?? ""}`}" of ${roleRef.kind} "${roleRef.name}" to ${subject.kind} "${subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace ?? metadata.namespace ?? ""}` : subject.name}"`,
    };
  }

  #follow<T extends KubeObject>(store: Store, resource: ResourceName, into: Map<string, T>): void {
    const { revision, items } = store.list(resource);
    for (const { object } of items) into.set(keyOf(object), object as T);
    this.#stops.push(
      store.watch(resource, revision, ({ type, current }) => {
        const key = keyOf(current.object);
        if (type === "put") into.set(key, current.object as T);
        else into.delete(key);
      }),
    );
  }

  #followBindings(store: Store, resource: ResourceName): void {
    const { revision, items } = store.list(resource);
    for (const { object } of items) this.#bind(object as RoleBinding);
    this.#stops.push(
      store.watch(resource, revision, ({ type, current, previous }) => {
        if (previous !== undefined) this.#unbind(previous.object as RoleBinding);
        if (type === "put") this.#bind(current.object as RoleBinding);
      }),
    );
  }

  #bind(binding: RoleBinding | ClusterRoleBinding): void {
    const { namespace = "" } = binding.metadata;
    let bySubject = this.#bound.get(namespace);
    if (bySubject === undefined) this.#bound.set(namespace, (bySubject = new Map()));
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      const bound = bySubject.get(key) ?? new Map<string, Bound>();
      bySubject.set(key, bound);
      bound.set(keyOf(binding), { binding, subject });
    }
  }

  #unbind(binding: RoleBinding | ClusterRoleBinding): void {
    const { namespace = "" } = binding.metadata;
    const bySubject = this.#bound.get(namespace);
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      const bound = bySubject?.get(key);
      bound?.delete(keyOf(binding));
      if (bound?.size === 0) bySubject?.delete(key);
    }
    if (bySubject?.size === 0) this.#bound.delete(namespace);
  }
}

function subjectKey({ kind, name, namespace }: Subject, bindingNamespace: string): SubjectKey {
  if (kind !== "ServiceAccount") return `${kind}:${name}`;
  const own = namespace === undefined || namespace === "" ? bindingNamespace : namespace;
  return `User:${SERVICE_ACCOUNT_PREFIX}${own}:${name}`;
}
