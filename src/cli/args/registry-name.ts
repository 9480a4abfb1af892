import { IngotError } from "../../base/error.ts";

/** The host that `text` names, as images name it. A URL of it will do, as people write it. @throws usage */
export function registryName(text: string): string {
  const host = text.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/)?$/, "");
  if (
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?$/.test(host)
  )
    return /^(?:index|registry-1)\.docker\.io$/.test(host) ? "docker.io" : host;
  throw new IngotError("usage", {
    message: `the registry is ${JSON.stringify(text)}, should be a host, with a port where it has one`,
    hint: "for example: ghcr.io, or localhost:5000",
  });
}
