import { expect, test } from "vitest";
import { FailureEvents } from "../../../src/engine/scheduler/failure-events.ts";
import { pod } from "./cluster-fixtures.ts";

/** Drops what is recorded while it holds as much as it can. */
class SmallRecorder {
  readonly written: string[] = [];
  dropped = 0;
  #held: string[] = [];
  record(about: { readonly metadata: { readonly name: string } }, ...said: string[]): void {
    if (this.#held.length >= 300) this.dropped++;
    else this.#held.push(`${about.metadata.name} ${said.join(" ")}`);
  }
  async flush(): Promise<void> {
    await Promise.resolve();
    this.written.push(...this.#held.splice(0));
  }
}

test("tells of every pod, however many fail at once", async () => {
  const recorder = new SmallRecorder();
  const events = new FailureEvents(recorder);
  for (let index = 0; index < 2_000; index++) events.tell(pod({}, `p${index}`), "no room");
  await expect.poll(() => recorder.written.length).toBe(2_000);
  expect(recorder.dropped).toBe(0);
  expect(recorder.written[1_999]).toBe("p1999 Warning FailedScheduling no room");
});

test("tells the newest message only, and nothing of who has a node by then", async () => {
  const recorder = new SmallRecorder();
  const events = new FailureEvents(recorder);
  const filler = Array.from({ length: 200 }, (_, index) => pod({}, `f${index}`));
  for (const each of filler) events.tell(each, "no room");
  const [waits, placed] = [pod({}, "waits"), pod({}, "placed")];
  for (const each of [waits, placed]) events.tell(each, "old");
  events.tell(waits, "new");
  events.forget(placed.metadata.uid ?? "");
  await expect.poll(() => recorder.written.length).toBe(201);
  expect(recorder.written[200]).toBe("waits Warning FailedScheduling new");
});

test("stops without telling what was held back", async () => {
  const recorder = new SmallRecorder();
  const events = new FailureEvents(recorder);
  for (let index = 0; index < 1_000; index++) events.tell(pod({}, `p${index}`), "no room");
  await Promise.resolve();
  await events.stop();
  expect(recorder.written).toHaveLength(200);
});
