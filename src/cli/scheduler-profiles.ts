/** `--schedulers`: names that pods may give as `spec.schedulerName`, and what each of them wants. */
import { DEFAULT_SCHEDULER, type SchedulerProfile } from "../engine/scheduler/scheduler-profile.ts";
import { dns1123Subdomain } from "../kube/names.ts";

/** More would only be a mistake. */
const MAX_PROFILES = 16;
const STRATEGIES: Readonly<Record<string, SchedulerProfile["resourceStrategy"]>> = {
  spread: "LeastAllocated",
  pack: "MostAllocated",
};

/** The default scheduler is always among them. Throws an Error that says what is wrong with the text. */
export function parseSchedulers(text: string): readonly SchedulerProfile[] {
  const profiles = new Map<string, SchedulerProfile>([
    [DEFAULT_SCHEDULER, { schedulerName: DEFAULT_SCHEDULER }],
  ]);
  const given = new Set<string>();
  for (const part of text.split(",")) {
    const [schedulerName = "", strategy = "spread", ...rest] = part.trim().split("=");
    const resourceStrategy = Object.hasOwn(STRATEGIES, strategy) ? STRATEGIES[strategy] : undefined;
    const isName = dns1123Subdomain(schedulerName).length === 0;
    if (!isName || resourceStrategy === undefined || rest.length > 0 || given.has(schedulerName))
      throw new Error(
        `${JSON.stringify(part)}: write each name once, with =spread or =pack after it, e.g. packing=pack,batch`,
      );
    given.add(schedulerName);
    profiles.set(schedulerName, { schedulerName, resourceStrategy });
  }
  if (profiles.size > MAX_PROFILES) throw new Error(`at most ${MAX_PROFILES} schedulers`);
  return [...profiles.values()];
}
