/** Volumes that carry labels of a zone or region are used there. */
import type { FilterPlugin, Rejection } from "../framework.ts";
import { claimState } from "../volumes/claim-state.ts";
import type { VolumeCatalog } from "../volumes/volume-catalog.ts";

const OTHER_ZONE: Rejection = { reasons: ["node(s) had no available volume zone"], isFinal: true };
const ZONE_LABELS = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];
/** Between the zones of a volume that is in several. */
const SEPARATOR = "__";

export function volumeZone(catalog: VolumeCatalog): FilterPlugin {
  return {
    name: "VolumeZone",
    isLocal: true,
    prepare: ({ info }) => {
      const demands = info.claims.flatMap((key) => {
        const state = claimState(key, catalog);
        const volume = state.kind === "bound" ? catalog.volume(state.volumeName) : undefined;
        return Object.entries(volume?.metadata.labels ?? {})
          .filter(([label]) => ZONE_LABELS.includes(label))
          .map(([label, value]) => ({ label, values: value.split(SEPARATOR) }));
      });
      if (demands.length === 0) return undefined;
      return ({ labels }) =>
        // A node that tells of no zone is in a cluster without any.
        ZONE_LABELS.every((label) => labels[label] === undefined) ||
        demands.every(({ label, values }) => values.includes(labels[label] ?? ""))
          ? undefined
          : OTHER_ZONE;
    },
    mayHelp: ({ type }) => type === "volumes" || type === "node",
  };
}
