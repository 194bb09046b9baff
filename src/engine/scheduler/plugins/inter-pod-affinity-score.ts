/** Preferred affinity and anti-affinity between pods, in both directions. */
import { type Cycle, MAX_SCORE, type ScorePlugin } from "../framework.ts";
import type { NodeState } from "../node-state.ts";
import { byDomain } from "../topology/match-counters.ts";

/** What a placed pod's required affinity to the new pod is worth (hardPodAffinityWeight). */
const REQUIRED_WEIGHT = 1;

export const affinityScore: ScorePlugin = {
  name: "InterPodAffinity",
  weight: 2,
  score: (cycle, nodes) => {
    const pulls = pullsOf(cycle);
    if (pulls.size === 0) return undefined;
    const raw = nodes.map((node) => pullOn(node, pulls));
    const lowest = Math.min(...raw);
    const spread = Math.max(...raw) - lowest;
    return spread === 0
      ? undefined
      : raw.map((each) => Math.floor((MAX_SCORE * (each - lowest)) / spread));
  },
};

/** By topology key and domain. */
type Pulls = ReadonlyMap<string, ReadonlyMap<string, number>>;

function pullsOf({ info, cluster }: Cycle): Pulls {
  const pulls = new Map<string, Map<string, number>>();
  const add = (topologyKey: string, domain: string, pull: number): void => {
    let domains = pulls.get(topologyKey);
    if (domains === undefined) pulls.set(topologyKey, (domains = new Map<string, number>()));
    domains.set(domain, (domains.get(domain) ?? 0) + pull);
  };
  for (const { group, topologyKey, weight } of info.terms.preferred)
    for (const [domain, count] of byDomain(cluster.counters.of([group]), topologyKey))
      add(topologyKey, domain, weight * count);
  for (const { pull, topologyKey, byNode } of cluster.carried.about(info)) {
    if (pull === "keeps off") continue;
    const weight = pull === "attracts" ? REQUIRED_WEIGHT : pull;
    for (const [domain, count] of byDomain({ byNode }, topologyKey))
      add(topologyKey, domain, weight * count);
  }
  return pulls;
}

function pullOn({ labels }: NodeState, pulls: Pulls): number {
  let sum = 0;
  for (const [topologyKey, domains] of pulls) {
    const domain = labels[topologyKey];
    if (domain !== undefined) sum += domains.get(domain) ?? 0;
  }
  return sum;
}
