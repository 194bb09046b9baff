/** Pods for which others were told to make room: their place is kept from less important ones. */
import type { Pod } from "../../kube/kinds/pod.ts";
import type { PodInfo } from "./pod-info.ts";

export interface Nomination {
  readonly pod: Pod;
  readonly info: PodInfo;
  readonly nodeName: string;
}

export class Nominations {
  readonly #byUid = new Map<string, Nomination>();
  readonly #byNode = new Map<string, Map<string, Nomination>>();

  get(uid: string): Nomination | undefined {
    return this.#byUid.get(uid);
  }

  set(pod: Pod, info: PodInfo, nodeName: string): void {
    const uid = pod.metadata.uid ?? "";
    this.delete(uid);
    const nomination = { pod, info, nodeName };
    this.#byUid.set(uid, nomination);
    const there = this.#byNode.get(nodeName);
    if (there === undefined) this.#byNode.set(nodeName, new Map([[uid, nomination]]));
    else there.set(uid, nomination);
  }

  delete(uid: string): boolean {
    const nomination = this.#byUid.get(uid);
    if (nomination === undefined) return false;
    this.#byUid.delete(uid);
    const there = this.#byNode.get(nomination.nodeName);
    there?.delete(uid);
    if (there?.size === 0) this.#byNode.delete(nomination.nodeName);
    return true;
  }

  get isEmpty(): boolean {
    return this.#byUid.size === 0;
  }

  /** Those on the node that matter to a pod of that priority: as important as it, or more. */
  on(nodeName: string, { uid, priority }: { readonly uid: string; readonly priority: number }) {
    const there = this.#byNode.get(nodeName);
    if (there === undefined) return [];
    return [...there.values()].filter(
      ({ pod, info }) => info.priority >= priority && pod.metadata.uid !== uid,
    );
  }

  /** Those on the node that are less important. */
  below(nodeName: string, priority: number): readonly Nomination[] {
    return [...(this.#byNode.get(nodeName)?.values() ?? [])].filter(
      ({ info }) => info.priority < priority,
    );
  }
}
