/** A claim of mode ReadWriteOncePod is used by one pod in the cluster. */
import type { FilterPlugin, Rejection } from "../framework.ts";
import type { VolumeCatalog } from "../volumes/volume-catalog.ts";

const IN_USE: Rejection = {
  reasons: [
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
  ],
};

export function volumeRestrictions(catalog: VolumeCatalog): FilterPlugin {
  return {
    name: "VolumeRestrictions",
    isLocal: false,
    prepare: ({ info, cluster }) => {
      const exclusive = info.claims.filter((key) =>
        catalog.claim(key)?.spec?.accessModes?.includes("ReadWriteOncePod"),
      );
      if (exclusive.length === 0) return undefined;
      const isUsed = exclusive.some((key) => cluster.usersOfClaim(key) > 0);
      return () => (isUsed ? IN_USE : undefined);
    },
    mayHelp: (event, { info }) =>
      event.type === "volumes" ||
      (event.type === "pod gone" &&
        event.pod.info.claims.some((claim) => info.claims.includes(claim))),
  };
}
