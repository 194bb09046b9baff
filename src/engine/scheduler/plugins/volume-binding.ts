/** A pod goes where its volumes are, or where they can be had. */
import type { FilterPlugin } from "../framework.ts";
import { claimState } from "../volumes/claim-state.ts";
import { isRejection, planVolumes } from "../volumes/plan-volumes.ts";
import type { VolumeCatalog } from "../volumes/volume-catalog.ts";

export function volumeBinding(catalog: VolumeCatalog): FilterPlugin {
  return {
    name: "VolumeBinding",
    isLocal: true,
    prepare: ({ info, cluster }) => {
      if (info.claims.length === 0) return undefined;
      const claims = info.claims.map((key) => claimState(key, catalog));
      const stuck = claims.find(({ kind }) => kind === "stuck");
      if (stuck?.kind === "stuck") return { everywhere: stuck.message };
      return (node) => {
        const plan = planVolumes(claims, node, catalog, (name) => cluster.has(name));
        return isRejection(plan) ? plan : undefined;
      };
    },
    mayHelp: ({ type }) => type === "volumes" || type === "node",
  };
}
