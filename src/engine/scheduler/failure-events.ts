/**
 * Events about pods that fit nowhere: one for every such pod, however many there are at once. A
 * recorder drops what it cannot write soon; this holds back what it would drop, the newest message
 * of each pod only.
 */
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Pod } from "../../kube/kinds/pod.ts";

/** Well below what a recorder keeps, since others tell it things, too. */
const BATCH = 200;

interface Told {
  readonly pod: Pod;
  readonly message: string;
}

export class FailureEvents {
  readonly #recorder: Pick<EventRecorder, "record" | "flush">;
  /** By uid: never more than there are waiting pods. */
  readonly #waiting = new Map<string, Told>();
  #telling: Promise<void> | undefined;

  constructor(recorder: Pick<EventRecorder, "record" | "flush">) {
    this.#recorder = recorder;
  }

  tell(pod: Pod, message: string): void {
    this.#waiting.set(pod.metadata.uid ?? "", { pod, message });
    this.#telling ??= this.#tellAll();
  }

  /** The pod has a node or is gone: what was not told yet is old news. */
  forget(uid: string): void {
    this.#waiting.delete(uid);
  }

  /** Drops what is held back and resolves once nothing is under way. */
  async stop(): Promise<void> {
    this.#waiting.clear();
    await this.#telling;
  }

  async #tellAll(): Promise<void> {
    // So that a burst goes out together.
    await Promise.resolve();
    for (;;) {
      let count = 0;
      for (const [uid, { pod, message }] of this.#waiting) {
        if (count++ >= BATCH) break;
        this.#waiting.delete(uid);
        this.#recorder.record(pod, "Warning", "FailedScheduling", message);
      }
      if (count === 0) break;
      await this.#recorder.flush();
    }
    this.#telling = undefined;
  }
}
