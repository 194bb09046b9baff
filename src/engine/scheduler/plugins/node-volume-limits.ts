/** A node can attach only so many volumes of a CSI driver, as its CSINode says. */
import type { FilterPlugin, Rejection } from "../framework.ts";
import { storageClassNameOf } from "../../../kube/kinds/storage/class-name.ts";
import type { VolumeCatalog } from "../volumes/volume-catalog.ts";

const TOO_MANY: Rejection = { reasons: ["node(s) exceed max volume count"] };

export function nodeVolumeLimits(catalog: VolumeCatalog): FilterPlugin {
  return {
    name: "NodeVolumeLimits",
    isLocal: true,
    prepare: ({ info }) => {
      const wanted = info.claims.flatMap((key) => volumeOf(key, catalog) ?? []);
      if (wanted.length === 0) return undefined;
      const drivers = new Set(wanted.map(({ driver }) => driver));
      return (node) => {
        for (const { name, allocatable } of catalog.csiNode(node.name)?.spec.drivers ?? []) {
          const limit = allocatable?.count;
          if (limit === undefined || !drivers.has(name)) continue;
          const used = new Set<string>();
          for (const key of [...node.claims.keys(), ...info.claims]) {
            const volume = volumeOf(key, catalog);
            if (volume?.driver === name) used.add(volume.id);
          }
          if (used.size > limit) return TOO_MANY;
        }
        return undefined;
      };
    },
    mayHelp: ({ type }) => type === "volumes" || type === "node" || type === "pod gone",
  };
}

/** The driver of a claim's volume, which may still have to be made. */
function volumeOf(
  key: string,
  catalog: VolumeCatalog,
): { readonly driver: string; readonly id: string } | undefined {
  const claim = catalog.claim(key);
  if (claim === undefined) return undefined;
  const csi = catalog.volume(claim.spec?.volumeName ?? "")?.spec?.csi;
  if (csi !== undefined) return { driver: csi.driver, id: csi.volumeHandle };
  const storageClass = catalog.storageClass(storageClassNameOf(claim) ?? "");
  return storageClass === undefined ? undefined : { driver: storageClass.provisioner, id: key };
}
