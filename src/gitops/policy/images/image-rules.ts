/** Which images a Policy allows: by name, and by reports of known bad ones. */
import type { ConfigMap } from "../../../kube/kinds/configmap.ts";
import type { PolicyImages } from "../../../kube/kinds/policy.ts";
import { globOf } from "../glob-list.ts";
import type { PodSpecPlace } from "../scan/pod-specs.ts";
import type { RuleBreach } from "../policy-subject.ts";
import { formatImage, parseImage } from "./image-reference.ts";

/** Lines of all reports of one policy. */
const MAX_REPORTED = 100_000;
const DIGEST = /^[a-z0-9]+:[0-9a-f]{32,128}$/;

/** Digest → why it is bad. */
export type ImageReport = ReadonlyMap<string, string>;

/** Every line of every value is a digest, and after a space why; other lines are left out. */
export function readReports(maps: readonly (ConfigMap | undefined)[]): ImageReport {
  const report = new Map<string, string>();
  for (const value of maps.flatMap((map) => Object.values(map?.data ?? {}))) {
    for (const line of value.split("\n")) {
      const [digest = "", ...why] = line.trim().split(/\s+/);
      if (DIGEST.test(digest) && report.size < MAX_REPORTED) report.set(digest, why.join(" "));
    }
  }
  return report;
}

export function imageBreaches(
  places: readonly PodSpecPlace[],
  { allowed, blocked = [], severity = "error" }: PolicyImages,
  policy: string,
  report: ImageReport,
): RuleBreach[] {
  const rule = `policy/${policy}/images`;
  return places.flatMap(({ containers }) =>
    containers.flatMap(({ container, path: at, name }) => {
      const { image } = container;
      if (typeof image !== "string" || image === "") return [];
      const path = `${at}.image`;
      const breach = (message: string): RuleBreach[] => [{ rule, severity, message, path }];
      const reference = parseImage(image);
      if (reference === undefined)
        return breach(
          `container ${name}: ${JSON.stringify(image.slice(0, 200))} is no name of an image`,
        );
      const full = formatImage(reference);
      const { digest } = reference;
      const fits = (pattern: string): boolean =>
        globOf(pattern)(full) ||
        globOf(pattern)(image) ||
        (digest !== undefined && pattern === digest);
      const known = digest === undefined ? undefined : report.get(digest);
      if (known !== undefined)
        return breach(
          `container ${name}: the image ${full} is reported${known === "" ? "" : `: ${known}`}`,
        );
      const blocking = blocked.find(fits);
      if (blocking !== undefined)
        return breach(
          `container ${name}: the image ${full} is blocked by ${JSON.stringify(blocking)}`,
        );
      if (allowed !== undefined && !allowed.some((pattern) => globOf(pattern)(full)))
        return breach(
          `container ${name}: the image ${full} is from none of the allowed places: ${allowed.join(", ")}`,
        );
      return [];
    }),
  );
}
