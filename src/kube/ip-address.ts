/** IP addresses as text: what is one, of which family, and CIDR ranges. */

export type IPFamily = "IPv4" | "IPv6";

const IPV4_PART = /^(0|[1-9]\d{0,2})$/;
const IPV6_PART = /^[0-9a-fA-F]{1,4}$/;
const IPV6_GROUPS = 8;

/** The family of an address; undefined when the text is none. Leading zeros are refused. */
export function ipFamily(text: string): IPFamily | undefined {
  if (isIPv4(text)) return "IPv4";
  return isIPv6(text) ? "IPv6" : undefined;
}

function isIPv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => IPV4_PART.test(part) && Number(part) <= 255);
}

function isIPv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [half, side] of halves.entries()) {
    if (side === "") continue;
    const parts = side.split(":");
    for (const [index, part] of parts.entries()) {
      const isLast = half === halves.length - 1 && index === parts.length - 1;
      if (IPV6_PART.test(part)) groups += 1;
      else if (isLast && isIPv4(part)) groups += 2;
      else return false;
    }
  }
  return halves.length === 2 ? groups < IPV6_GROUPS : groups === IPV6_GROUPS;
}

/** Whether the text is `address/prefixLength`. */
export function isCIDR(text: string): boolean {
  const slash = text.indexOf("/");
  if (slash < 0) return false;
  const family = ipFamily(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (family === undefined || !/^(0|[1-9]\d{0,2})$/.test(length)) return false;
  return Number(length) <= (family === "IPv4" ? 32 : 128);
}

const UNROUTABLE: readonly (readonly [RegExp, string])[] = [
  [/^(0\.0\.0\.0|::)$/, "may not be unspecified (0.0.0.0 or ::)"],
  [
    /^(169\.254\.|fe[89ab][0-9a-f]:)/i,
    "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
  ],
  [
    /^(224\.0\.0\.|ff[0-9a-f]2:)/i,
    "may not be in the link-local multicast range (224.0.0.0/24, ff02::/16)",
  ],
];

/**
 * Why an address cannot be that of an endpoint. Upstream also refuses loopback; here pods of the
 * process runtime live on 127.0.0.1.
 */
export function unroutableReason(address: string): string | undefined {
  return UNROUTABLE.find(([range]) => range.test(address))?.[1];
}
