import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  describeWindow,
  MAX_WINDOWS,
  mayGoOn,
  windowsAt,
} from "../../../src/gitops/gates/sync-windows.ts";
import { WindowCalendar } from "../../../src/gitops/gates/window-calendar.ts";
import type { SyncWindow } from "../../../src/kube/kinds/application.ts";

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16);
const allow = (schedule: string, duration: string, more: Partial<SyncWindow> = {}): SyncWindow => ({
  kind: "allow",
  schedule,
  duration,
  ...more,
});
const deny = (schedule: string, duration: string, more: Partial<SyncWindow> = {}): SyncWindow => ({
  ...allow(schedule, duration, more),
  kind: "deny",
});
const gates = (windows: readonly SyncWindow[], time: string): string => {
  const { sync, manual, selfHeal } = windowsAt(windows, at(time));
  return [sync.open && "sync", manual.open && "manual", selfHeal.open && "heal"]
    .filter((name) => name !== false)
    .join(" ");
};
const ALL = "sync manual heal";

describe("what is open", () => {
  // Wednesday.
  test.each<[string, SyncWindow[], string, string]>([
    ["no window allows everything", [], "2026-07-01T12:00Z", ALL],
    ["inside an allow window", [allow("0 9 * * *", "8h")], "2026-07-01T12:00Z", ALL],
    ["at its start", [allow("0 9 * * *", "8h")], "2026-07-01T09:00Z", ALL],
    ["just before it", [allow("0 9 * * *", "8h")], "2026-07-01T08:59:59.999Z", ""],
    ["in its last millisecond", [allow("0 9 * * *", "8h")], "2026-07-01T16:59:59.999Z", ALL],
    ["at its end", [allow("0 9 * * *", "8h")], "2026-07-01T17:00Z", ""],
    ["inside a deny window", [deny("0 9 * * *", "8h")], "2026-07-01T12:00Z", ""],
    ["outside of a deny window", [deny("0 9 * * *", "8h")], "2026-07-01T18:00Z", ALL],
    [
      "deny beats allow",
      [allow("0 9 * * *", "8h"), deny("0 12 * * *", "1h")],
      "2026-07-01T12:30Z",
      "",
    ],
    [
      "deny after allow in the list, too",
      [deny("0 12 * * *", "1h"), allow("0 9 * * *", "8h")],
      "2026-07-01T12:30Z",
      "",
    ],
    [
      "one of two allow windows is enough",
      [allow("0 9 * * *", "1h"), allow("0 12 * * *", "1h")],
      "2026-07-01T12:30Z",
      ALL,
    ],
    [
      "a deny window that is not active denies nothing",
      [allow("0 9 * * *", "8h"), deny("0 20 * * *", "1h")],
      "2026-07-01T12:30Z",
      ALL,
    ],
    [
      "outside of every allow window, with a deny window that is not active",
      [allow("0 9 * * *", "1h"), deny("0 20 * * *", "1h")],
      "2026-07-01T12:30Z",
      "",
    ],
    ["overnight, before midnight", [deny("0 22 * * *", "8h")], "2026-07-01T23:59Z", ""],
    ["overnight, after midnight", [deny("0 22 * * *", "8h")], "2026-07-02T05:59Z", ""],
    ["overnight, afterwards", [deny("0 22 * * *", "8h")], "2026-07-02T06:00Z", ALL],
    ["over the weekend", [deny("0 18 * * 5", "62h")], "2026-07-06T07:59Z", ""],
    ["after the weekend", [deny("0 18 * * 5", "62h")], "2026-07-06T08:00Z", ALL],
    [
      "a duration longer than the period never ends",
      [deny("0 * * * *", "90m")],
      "2026-07-01T12:59Z",
      "",
    ],
    ["weekdays by name", [allow("0 9 * * MON-FRI", "8h")], "2026-07-04T12:00Z", ""],
    ["nicknames", [allow("@daily", "1h")], "2026-07-01T00:30Z", ALL],
    ["durations of several units", [allow("0 9 * * *", "1h30m")], "2026-07-01T10:29Z", ALL],
    ["the last day of a month", [deny("0 0 L * *", "24h")], "2026-02-28T12:00Z", ""],
    [
      "a cron that never fires denies nothing",
      [deny("0 0 30 2 *", "1h")],
      "2026-07-01T12:00Z",
      ALL,
    ],
    [
      "a cron that never fires allows nothing",
      [allow("0 0 30 2 *", "1h")],
      "2026-07-01T12:00Z",
      "",
    ],
    ["29 February, in a leap year", [deny("0 0 29 2 *", "24h")], "2028-02-29T12:00Z", ""],
  ])("%s", (_name, windows, time, open) => {
    expect(gates(windows, time)).toBe(open);
  });

  test.each<[string, SyncWindow[], string]>([
    ["manualSync on a deny window", [deny("0 9 * * *", "8h", { manualSync: true })], "manual"],
    [
      "two deny windows, one without manualSync",
      [deny("0 9 * * *", "8h", { manualSync: true }), deny("0 10 * * *", "8h")],
      "",
    ],
    [
      "manualSync on an allow window that is not active",
      [allow("0 1 * * *", "1h", { manualSync: true })],
      "manual",
    ],
    [
      "two inactive allow windows, one without manualSync",
      [allow("0 1 * * *", "1h", { manualSync: true }), allow("0 2 * * *", "1h")],
      "",
    ],
    [
      "an inactive allow window with it, and an active deny window without",
      [allow("0 1 * * *", "1h", { manualSync: true }), deny("0 9 * * *", "8h")],
      "",
    ],
    [
      "an inactive allow window without it does not matter inside a deny window with it",
      [allow("0 1 * * *", "1h"), deny("0 9 * * *", "8h", { manualSync: true })],
      "manual",
    ],
  ])("requests: %s", (_name, windows, open) => {
    expect(gates(windows, "2026-07-01T12:00Z")).toBe(open);
  });

  test.each<[string, SyncWindow[], string]>([
    [
      "a deny window for self-heal only stops self-heal",
      [deny("0 9 * * *", "8h", { appliesTo: "selfHeal" })],
      "sync manual",
    ],
    [
      "an allow window for self-heal only stops self-heal",
      [allow("0 1 * * *", "1h", { appliesTo: "selfHeal" })],
      "sync manual",
    ],
    [
      "where syncs are denied, nothing is healed",
      [deny("0 9 * * *", "8h"), allow("0 9 * * *", "8h", { appliesTo: "selfHeal" })],
      "",
    ],
    [
      "allowing syncs does not allow self-heal",
      [allow("0 9 * * *", "8h"), deny("0 9 * * *", "8h", { appliesTo: "selfHeal" })],
      "sync manual",
    ],
    ["a window of syncs says so", [deny("0 9 * * *", "8h", { appliesTo: "sync" })], ""],
  ])("self-heal: %s", (_name, windows, open) => {
    expect(gates(windows, "2026-07-01T12:00Z")).toBe(open);
  });
});

describe("time zones and summer time", () => {
  const night = deny("0 2 * * *", "1h", { timeZone: "Europe/Berlin" });

  test("the schedule is read in its own zone", () => {
    const tokyo = deny("0 9 * * *", "1h", { timeZone: "Asia/Tokyo" });
    expect(gates([tokyo], "2026-07-01T00:30Z")).toBe("");
    expect(gates([tokyo], "2026-07-01T09:30Z")).toBe(ALL);
    expect(gates([night], "2026-07-01T00:30Z")).toBe("");
    expect(gates([night], "2026-01-01T00:30Z")).toBe(ALL);
    expect(gates([night], "2026-01-01T01:30Z")).toBe("");
  });

  test("a start that the change to summer time skips happens at its end", () => {
    // 2026-03-29: 02:00 becomes 03:00, at 01:00Z.
    expect(gates([night], "2026-03-29T00:59Z")).toBe(ALL);
    expect(gates([night], "2026-03-29T01:00Z")).toBe("");
    expect(gates([night], "2026-03-29T01:59Z")).toBe("");
    expect(gates([night], "2026-03-29T02:00Z")).toBe(ALL);
  });

  test("a start in the hour that comes twice happens once", () => {
    // 2026-10-25: 03:00 becomes 02:00, at 01:00Z.
    expect(gates([night], "2026-10-25T00:30Z")).toBe("");
    expect(gates([night], "2026-10-25T01:30Z")).toBe(ALL);
  });

  test("durations are time that passes, not what the clock on the wall shows", () => {
    const evening = deny("0 22 * * *", "8h", { timeZone: "Europe/Berlin" });
    const ends = (time: string): string | undefined => {
      const { sync } = windowsAt([evening], at(time));
      return sync.open ? undefined : iso(sync.opensAtMs);
    };
    expect(ends("2026-07-01T23:00Z")).toBe("2026-07-02T04:00");
    expect(ends("2026-03-28T23:00Z")).toBe("2026-03-29T05:00");
    expect(ends("2026-10-24T23:00Z")).toBe("2026-10-25T04:00");
  });
});

describe("edges", () => {
  test.each<[string, SyncWindow[], string, string | undefined, string | undefined]>([
    [
      "a deny window ends",
      [deny("0 9 * * *", "8h")],
      "2026-07-01T12:00Z",
      "2026-07-01T17:00",
      "2026-07-01T17:00",
    ],
    [
      "an allow window begins",
      [allow("0 9 * * *", "8h")],
      "2026-07-01T18:00Z",
      "2026-07-02T09:00",
      "2026-07-02T09:00",
    ],
    [
      "two deny windows overlap",
      [deny("0 9 * * *", "4h"), deny("0 12 * * *", "4h")],
      "2026-07-01T12:30Z",
      "2026-07-01T13:00",
      "2026-07-01T16:00",
    ],
    [
      "a deny window ends outside of every allow window",
      [allow("0 9 * * 1-5", "8h"), deny("0 12 * * 5", "48h")],
      "2026-07-03T13:00Z",
      "2026-07-03T17:00",
      "2026-07-06T09:00",
    ],
    [
      "starts that follow without a gap are one",
      [deny("0 * * * *", "1h")],
      "2026-07-01T12:30Z",
      "2026-07-14T01:00",
      undefined,
    ],
    ["never", [allow("0 0 30 2 *", "1h")], "2026-07-01T12:00Z", undefined, undefined],
  ])("%s", (_name, windows, time, changes, opens) => {
    const state = windowsAt(windows, at(time));
    expect(iso(state.changesAtMs)).toBe(changes);
    expect(state.sync).toMatchObject({ open: false });
    expect(state.sync.open ? "" : iso(state.sync.opensAtMs)).toBe(opens);
  });

  test("an open gate knows when it closes", () => {
    const { sync } = windowsAt([allow("0 9 * * *", "8h")], at("2026-07-01T12:00Z"));
    expect(sync).toEqual({ open: true, closesAtMs: at("2026-07-01T17:00Z") });
  });

  test("the reason names the windows that matter", () => {
    const windows = [
      allow("0 9 * * *", "8h", { description: "office hours" }),
      deny("0 1 * * *", "1h", { timeZone: "Europe/Berlin" }),
    ];
    expect(windowsAt(windows, at("2026-07-01T20:00Z")).sync).toMatchObject({
      because: "outside of allow 0 9 * * * for 8h in UTC (office hours)",
    });
    expect(windowsAt(windows, at("2026-06-30T23:30Z")).sync).toMatchObject({
      because: "deny 0 1 * * * for 1h in Europe/Berlin",
    });
    expect(describeWindow(deny("0 1 * * *", "1h", { appliesTo: "selfHeal" }))).toBe(
      "deny self-heal 0 1 * * * for 1h in UTC",
    );
  });

  const minutes = fc.integer({ min: 0, max: 59 });
  const hours = fc.integer({ min: 0, max: 23 });
  const days = fc.constantFrom("*", "1-5", "6", "0,3");
  const anyWindow = fc.record({
    kind: fc.constantFrom("allow" as const, "deny" as const),
    schedule: fc.tuple(minutes, hours, days).map(([m, h, d]) => `${m} ${h} * * ${d}`),
    duration: fc.integer({ min: 1, max: 2_000 }).map((length) => `${length}m`),
    timeZone: fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"),
    appliesTo: fc.constantFrom("sync" as const, "selfHeal" as const),
  });
  const anyTime = fc.integer({ min: at("2026-01-01T00:00Z"), max: at("2026-12-31T00:00Z") });

  test("nothing changes before the next edge, and what opens then is open", () => {
    fc.assert(
      fc.property(
        fc.array(anyWindow, { minLength: 1, maxLength: 4 }),
        anyTime,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (windows, nowMs, part) => {
          const state = windowsAt(windows, nowMs);
          const { changesAtMs } = state;
          if (changesAtMs === undefined) return;
          const meanwhile = windowsAt(
            windows,
            nowMs + Math.floor((changesAtMs - nowMs - 1) * part),
          );
          for (const name of ["sync", "manual", "selfHeal"] as const)
            expect(meanwhile[name].open).toBe(state[name].open);
          const { sync } = state;
          if (sync.open || sync.opensAtMs === undefined) return;
          expect(windowsAt(windows, sync.opensAtMs).sync.open).toBe(true);
          expect(windowsAt(windows, sync.opensAtMs - 1).sync.open).toBe(false);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("the calendar says the same as asking each time", () => {
    const calendar = new WindowCalendar();
    const windows = [allow("0 9 * * 1-5", "8h"), deny("30 12 * * *", "1h")];
    for (let hour = 0; hour < 24 * 8; hour += 0.5) {
      const nowMs = at("2026-07-01T00:00Z") + hour * 3_600_000;
      const { sync, manual } = windowsAt(windows, nowMs);
      expect(calendar.at(windows, nowMs)).toMatchObject({ sync, manual });
    }
  });
});

describe("windows that cannot be read", () => {
  test.each<[string, SyncWindow, RegExp]>([
    [
      "too few fields",
      deny("0 9 * *", "1h"),
      /deny window: schedule "0 9 \* \*" must have five fields/,
    ],
    ["seconds", deny("0 0 9 * * *", "1h"), /must have five fields/],
    ["a date", deny("2026-07-01T00:00:00", "1h"), /must have five fields/],
    [
      "a field out of range",
      deny("61 9 * * *", "1h"),
      /schedule "61 9 \* \* \*" cannot be read: .*minute/,
    ],
    ["nonsense", deny("a b c d e", "1h"), /cannot be read/],
    ["an empty schedule", deny("", "1h"), /must have five fields/],
    [
      "a time zone that does not exist",
      deny("0 9 * * *", "1h", { timeZone: "Europe/Nowhere" }),
      /time zone "Europe\/Nowhere" is not known/,
    ],
    ["a duration without meaning", deny("0 9 * * *", "soon"), /duration "soon" must be/],
    ["no duration", deny("0 9 * * *", "0s"), /duration "0s"/],
    ["a duration of years", deny("0 9 * * *", "20000h"), /up to a year/],
  ])("%s", (_name, window, message) => {
    const state = windowsAt([window], at("2026-07-01T12:00Z"));
    expect(state.problems).toHaveLength(1);
    expect(state.problems[0]).toMatch(message);
    expect(state.sync).toMatchObject({ open: false });
    expect(state.selfHeal).toMatchObject({ open: false });
    // Somebody who asks for a sync knows what they do.
    expect(state.manual.open).toBe(true);
  });

  test("the others go on to hold", () => {
    const windows = [deny("nonsense", "1h"), deny("0 9 * * *", "8h")];
    expect(windowsAt(windows, at("2026-07-01T12:00Z")).manual.open).toBe(false);
    expect(windowsAt(windows, at("2026-07-01T18:00Z")).manual.open).toBe(true);
  });

  test("more windows than are looked at are a problem, not a hang", () => {
    const windows = Array.from({ length: MAX_WINDOWS + 1 }, () => allow("* * * * *", "1m"));
    expect(windowsAt(windows, at("2026-07-01T12:00Z")).problems[0]).toMatch(/101 windows/);
  });

  test("crons that never fire are searched once, not at every look", () => {
    const never = Array.from({ length: 20 }, (_, minute) => deny(`${minute} 0 31 2 *`, "1h"));
    windowsAt(never, at("2026-07-01T12:00Z"));
    const startedMs = performance.now();
    for (let n = 0; n < 200; n++) windowsAt(never, at("2026-07-02T12:00Z") + n * 60_000);
    // A search through all years takes tens of milliseconds each, 4,000 of them minutes.
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});

describe("a sync under way when its window closes", () => {
  const over = { syncOverrun: true };
  const started = { startedAtMs: at("2026-07-01T11:50Z"), manual: false };
  const denyNow = deny("0 12 * * *", "1h");
  const allowBefore = allow("0 11 * * *", "1h");
  test.each<[string, SyncWindow[], boolean]>([
    ["no window → deny with overrun", [{ ...denyNow, ...over }], true],
    ["no window → deny", [denyNow], false],
    [
      "allow with overrun → deny with overrun",
      [
        { ...allowBefore, ...over },
        { ...denyNow, ...over },
      ],
      true,
    ],
    ["allow with overrun → deny", [{ ...allowBefore, ...over }, denyNow], false],
    ["allow → deny with overrun", [allowBefore, { ...denyNow, ...over }], true],
    ["allow → deny", [allowBefore, denyNow], false],
    ["allow with overrun ends", [{ ...allowBefore, ...over }], true],
    ["allow ends", [allowBefore], false],
    [
      "all allows with overrun end",
      [
        { ...allowBefore, ...over },
        { ...allow("0 10 * * *", "2h"), ...over },
      ],
      true,
    ],
    [
      "of two allows that end, one has no overrun",
      [{ ...allowBefore, ...over }, allow("0 10 * * *", "2h")],
      false,
    ],
    [
      "of two active denies, one has no overrun",
      [{ ...denyNow, ...over }, deny("0 12 * * *", "2h")],
      false,
    ],
    ["its window is still open", [allow("0 11 * * *", "4h")], true],
    ["it was not allowed when it started", [{ ...allow("0 10 * * *", "1h"), ...over }], false],
  ])("%s", (_name, windows, goesOn) => {
    expect(mayGoOn(windows, started, at("2026-07-01T12:05Z"))).toBe(goesOn);
  });

  test("one on request goes on by the rules of requests", () => {
    const manual = { ...started, manual: true };
    expect(mayGoOn([{ ...denyNow, manualSync: true }], manual, at("2026-07-01T12:05Z"))).toBe(true);
    expect(mayGoOn([denyNow], manual, at("2026-07-01T12:05Z"))).toBe(false);
  });
});
