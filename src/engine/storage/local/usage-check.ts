/**
 * Tells of local volumes that hold more than their size: directories share the disk, and no quota
 * stops them. Looks at one volume at a time and rests in between, so that it costs next to nothing.
 */
import { createEventRecorder } from "../../../client/event-recorder.ts";
import { sleep } from "../../../client/clock.ts";
import { type PersistentVolume, persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../kube/kinds/persistentvolumeclaim.ts";
import type { ControllerContext } from "../../controllers/controller-context.ts";
import { LOCAL_DRIVER, volumeOf } from "../driver-volume.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import type { LocalDriver } from "./local-driver.ts";

/** Between two rounds: sizes change slowly, and the disk is the pods'. */
export const USAGE_CHECK_INTERVAL_MS = 300_000;
const REASON = "VolumeConditionAbnormal";

/** @returns its end: resolves when it looks no more */
export function startUsageCheck(
  context: ControllerContext & { readonly driver: LocalDriver },
): () => Promise<void> {
  const { informers, clock, logger, client, driver, signal } = context;
  const volumes = informers.of(persistentVolumes);
  const claims = informers.of(persistentVolumeClaims);
  const component = "gantry-volume-health";
  const events = createEventRecorder({ client, component, clock, logger, signal });
  const ending = new AbortController();

  async function check(volume: PersistentVolume): Promise<void> {
    const known = volumeOf(volume);
    if (known?.driver !== LOCAL_DRIVER || volume.status?.phase !== "Bound") return;
    const { namespace = "", name = "" } = volume.spec?.claimRef ?? {};
    const about = claims.get(`${namespace}/${name}`) ?? volume;
    try {
      const request = { volumeId: known.volumeId, path: volume.spec?.local?.path ?? "" };
      const { abnormal } = await driver.node.stats(request, { signal: ending.signal });
      if (abnormal === undefined) return;
      const message = `volume ${volume.metadata.name}: ${abnormal}. Ask for more, or delete files: nothing else keeps it from filling the disk`;
      events.record(about, "Warning", REASON, message);
    } catch (error) {
      if (!(error instanceof VolumeDriverError) || ending.signal.aborted) return;
      events.record(about, "Warning", REASON, `volume ${volume.metadata.name}: ${error.message}`);
    }
  }

  async function run(): Promise<void> {
    for (;;) {
      try {
        await sleep(clock, USAGE_CHECK_INTERVAL_MS, ending.signal);
      } catch {
        return;
      }
      for (const volume of volumes.list()) {
        if (ending.signal.aborted) return;
        await check(volume);
      }
    }
  }
  const running = run();
  return async () => {
    ending.abort(new Error("storage was stopped"));
    await running;
  };
}
