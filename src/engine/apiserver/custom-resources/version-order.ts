/** Which version of an API comes first: `v2`, `v1`, `v1beta2`, `v1alpha1`, then other names A to Z. */

const KUBE_VERSION = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;
const STAGES = ["alpha", "beta", undefined];

/** For `sort`: by priority as upstream's `CompareKubeAwareVersionStrings`, highest first. */
export function compareVersions(a: string, b: string): number {
  const left = rank(a);
  const right = rank(b);
  if (left === undefined || right === undefined) {
    if (left !== undefined) return -1;
    if (right !== undefined) return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  for (const [position, value] of left.entries()) {
    const difference = (right[position] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Stage, major and minor number; undefined for a name of another form. */
function rank(version: string): readonly number[] | undefined {
  const match = KUBE_VERSION.exec(version);
  if (match === null) return undefined;
  return [STAGES.indexOf(match[2]), Number(match[1]), Number(match[3] ?? 0)];
}
