/**
 * Gives a ClusterRole with an `aggregationRule` the rules of the ClusterRoles that it selects, in the
 * order of their names.
 */
import { withFieldManager } from "../../client/field-manager.ts";
import { done, type Result } from "../../client/reconciler.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { deepEqual } from "../../kube/equality.ts";
import { type ClusterRole, clusterRoles } from "../../kube/kinds/clusterrole.ts";
import { keyOf } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { Controller, ControllerContext } from "./controller-context.ts";
import { selects } from "./ownership/owner-selector.ts";

const NAME = "clusterrole-aggregation-controller";

export function createClusterRoleAggregation({
  client: plain,
  informers,
  clock,
}: ControllerContext): Controller {
  const client = withFieldManager(plain, NAME);
  const roles = informers.of(clusterRoles);
  const queue = new WorkQueue({ clock });

  roles.onChange(() => {
    for (const role of roles.list()) if (role.aggregationRule !== undefined) queue.add(keyOf(role));
  });

  async function reconcile(key: string): Promise<Result> {
    const role = roles.get(key);
    if (role?.aggregationRule === undefined || role.metadata.deletionTimestamp !== undefined)
      return done;
    const rules = gather(role, roles.list());
    if (deepEqual(role.rules ?? [], rules)) return done;
    try {
      await client.update(clusterRoles, { ...role, rules });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
    return done;
  }

  return { name: NAME, queue, workers: 1, reconcile };
}

function gather(role: ClusterRole, all: readonly ClusterRole[]): NonNullable<ClusterRole["rules"]> {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
  const chosen = all
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .filter(({ metadata }) => selectors.some((selector) => selects(selector, metadata.labels)))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules: NonNullable<ClusterRole["rules"]> = [];
  for (const { rules: own = [] } of chosen)
    for (const rule of own) if (!rules.some((known) => deepEqual(known, rule))) rules.push(rule);
  return rules;
}
