/** How a service is locked in: what holds for all of ours. */
import type { Manager } from "./unit.ts";

/** Without a mount namespace, so that a user's manager can set them anywhere. */
const common = [
  "LockPersonality=yes",
  "NoNewPrivileges=yes",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "SystemCallArchitectures=native",
  "SystemCallErrorNumber=EPERM",
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged @resources",
  "UMask=0077",
];

const system = [
  "CapabilityBoundingSet=",
  "DevicePolicy=closed",
  "DynamicUser=yes",
  "KeyringMode=private",
  "PrivateDevices=yes",
  "PrivateMounts=yes",
  "PrivateTmp=yes",
  "PrivateUsers=yes",
  "ProcSubset=pid",
  "ProtectClock=yes",
  "ProtectControlGroups=yes",
  "ProtectHome=yes",
  "ProtectHostname=yes",
  "ProtectKernelLogs=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelTunables=yes",
  "ProtectProc=invisible",
  "ProtectSystem=strict",
  "RemoveIPC=yes",
];

/** The lines for [Service]; `families` are the address families it needs. */
export const locks = (manager: Manager, families: readonly string[]): string[] => [
  ...common,
  `RestrictAddressFamilies=${families.join(" ")}`,
  ...(manager === "system" ? system : []),
];
