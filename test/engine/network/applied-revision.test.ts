import { expect, test } from "vitest";
import { AppliedRevision } from "../../../src/engine/network/applied-revision.ts";

function deferred(): {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
} {
  let [resolve, reject]: [() => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a change waits for the listeners that it calls for, not for those of later changes", async () => {
  const told: number[] = [];
  const applied = new AppliedRevision((revision) => told.push(revision));
  applied.take(5);
  const [first, second] = [deferred(), deferred()];
  applied.track(first.promise);
  applied.take(6);
  applied.track(second.promise);
  applied.take(7);
  expect(told).toEqual([5]);
  first.resolve();
  await turn();
  expect(told).toEqual([5, 6]);
  second.reject(new Error("the address is taken"));
  await turn();
  expect(told).toEqual([5, 6, 7]);
});

test("an older revision says nothing new", () => {
  const told: number[] = [];
  const applied = new AppliedRevision((revision) => told.push(revision));
  for (const revision of [3, 2, 3, 4]) applied.take(revision);
  expect(told).toEqual([3, 4]);
});
