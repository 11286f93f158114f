import { localUrl, splitAddress } from "../config/listen-address.ts";
import type { DeploymentName, Known } from "./answers.ts";

/** What follows from where the gateway runs. Addresses are as the gateway, or the homeserver, reaches the other. */
export interface Deployment {
  /** Where the config goes unless told otherwise. */
  readonly directory: string;
  readonly dataDir: string;
  readonly listenPublic: string;
  readonly listenPrivate: string;
  readonly homeserver: string;
  /** By the address of the public listener. */
  readonly appserviceUrl: (listenPublic: string) => string;
  readonly scheduler: "internal" | "external";
  /** How a changed config is taken over. */
  readonly reload: string;
}

/** The places a gateway is run in. */
export const deployments: Readonly<Record<DeploymentName, Deployment>> = {
  here: {
    directory: "config",
    dataDir: "data",
    listenPublic: "127.0.0.1:8080",
    listenPrivate: "127.0.0.1:8081",
    homeserver: "http://127.0.0.1:8008",
    appserviceUrl: localUrl,
    scheduler: "internal",
    reload: "send the gateway SIGHUP, or start it anew",
  },
  compose: {
    directory: "config",
    dataDir: "/var/lib/openclaw",
    listenPublic: "0.0.0.0:8080",
    listenPrivate: "0.0.0.0:8081",
    homeserver: "http://synapse:8008",
    appserviceUrl: (listenPublic) => `http://gateway:${splitAddress(listenPublic)[1]}`,
    scheduler: "internal",
    reload: "`docker compose kill -s HUP gateway`",
  },
  systemd: {
    directory: "/etc/openclaw",
    dataDir: "/var/lib/openclaw",
    listenPublic: "127.0.0.1:8080",
    listenPrivate: "127.0.0.1:8081",
    homeserver: "http://127.0.0.1:8008",
    appserviceUrl: localUrl,
    scheduler: "external",
    reload: "`systemctl reload openclaw`",
  },
};

/** Whether a text names one of them. */
export const isDeployment = (text: string): text is DeploymentName => Object.hasOwn(deployments, text);

/** That of the answers; the usual one while they name none. */
export const deploymentOf = ({ deployment = "" }: Known): Deployment =>
  deployments[isDeployment(deployment) ? deployment : "here"];
