/** Rules for names, as RFC 1035, RFC 1123 and the Kubernetes API conventions give them. */

const DNS1123_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS1123_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export function dns1123Label(value: string): string[] {
  return value.length <= 63 && DNS1123_LABEL.test(value) ? [] : ["must be an RFC 1123 label"];
}
export function dns1123Subdomain(value: string): string[] {
  return value.length <= 253 && DNS1123_SUBDOMAIN.test(value)
    ? []
    : ["must be an RFC 1123 subdomain"];
}
