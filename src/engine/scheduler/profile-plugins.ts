/** The plug-ins of a profile: by what rules its pods get their nodes. */
import type { FilterPlugin, ScorePlugin } from "./framework.ts";
import type { Plugins } from "./pick-node.ts";
import { affinityScore } from "./plugins/inter-pod-affinity-score.ts";
import { affinityFilter } from "./plugins/inter-pod-affinity.ts";
import { nodeAffinityFilter, nodeAffinityScore } from "./plugins/node-affinity.ts";
import { nodeName } from "./plugins/node-name.ts";
import { nodePorts } from "./plugins/node-ports.ts";
import {
  balancedScore,
  fitFilter,
  fitScore,
  mostAllocatedScore,
} from "./plugins/node-resources-fit.ts";
import { nodeUnschedulable } from "./plugins/node-unschedulable.ts";
import { nodeVolumeLimits } from "./plugins/node-volume-limits.ts";
import { spreadScore } from "./plugins/pod-topology-spread-score.ts";
import { spreadFilter } from "./plugins/pod-topology-spread.ts";
import { taintFilter, taintScore } from "./plugins/taint-toleration.ts";
import { volumeBinding } from "./plugins/volume-binding.ts";
import { volumeRestrictions } from "./plugins/volume-restrictions.ts";
import { volumeZone } from "./plugins/volume-zone.ts";
import type { SchedulerProfile } from "./scheduler-profile.ts";
import type { VolumeCatalog } from "./volumes/volume-catalog.ts";
import type { WorkloadSelectors } from "./workload-selectors.ts";

/** In upstream's order: cheap and telling ones first. */
export function filtersOf(catalog: VolumeCatalog): readonly FilterPlugin[] {
  return [
    nodeUnschedulable,
    nodeName,
    taintFilter,
    nodeAffinityFilter,
    nodePorts,
    fitFilter,
    volumeRestrictions(catalog),
    nodeVolumeLimits(catalog),
    volumeBinding(catalog),
    volumeZone(catalog),
    spreadFilter,
    affinityFilter,
  ];
}

/** @throws RangeError for a weight of a plug-in that does not exist, or below 0 */
export function pluginsOf(
  profile: SchedulerProfile,
  catalog: VolumeCatalog,
  selectors: WorkloadSelectors,
): Plugins {
  const scores = [
    taintScore,
    nodeAffinityScore,
    spreadScore(selectors),
    affinityScore,
    profile.resourceStrategy === "MostAllocated" ? mostAllocatedScore : fitScore,
    balancedScore,
  ];
  const { weights = {} } = profile;
  for (const [name, weight] of Object.entries(weights))
    if (!scores.some((plugin) => plugin.name === name) || !(weight >= 0))
      throw new RangeError(
        `scheduler profile ${profile.schedulerName}: weight ${weight} of ${name}: there is no such score plug-in, or the weight is below 0`,
      );
  return {
    filters: filtersOf(catalog),
    scores: scores
      .map((plugin): ScorePlugin => ({ ...plugin, weight: weights[plugin.name] ?? plugin.weight }))
      .filter(({ weight }) => weight > 0),
  };
}
