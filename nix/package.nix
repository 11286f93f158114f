# The gateway and `claw`, from this repository's lock file: no hash of our own is kept.
{
  lib,
  buildNpmPackage,
  importNpmLock,
  makeWrapper,
  nodejs_24,
  # Whether tests can be run from $out/lib/openclaw.
  development ? false,
}:
let
  source =
    # By name, as .dockerignore has it: a work tree may hold keys and secrets by any name, and the store is for everybody's eyes.
    lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions (
        [
          ../.dockerignore
          ../Containerfile
          ../LICENSE
          ../compose.yaml
          ../deploy
          ../drizzle
          ../functions
          ../lib
          ../openclaw.example.toml
          ../package-lock.json
          ../package.json
          ../prompts
        ]
        ++ lib.optional development ../tests
      );
    };
  locked = (import ./lib).npmLock {
    package = lib.importJSON ../package.json;
    packageLock = lib.importJSON ../package-lock.json;
    inherit development;
  };
in
buildNpmPackage {
  pname = "openclaw-gateway";
  inherit (locked.package) version;
  src = source;

  nodejs = nodejs_24;
  npmDeps = importNpmLock locked;
  inherit (importNpmLock) npmConfigHook;
  # No package of ours builds anything when it is installed.
  npmRebuildFlags = [ "--ignore-scripts" ];
  dontNpmBuild = true;

  nativeBuildInputs = [ makeWrapper ];

  # Not below node_modules, where Node runs no TypeScript.
  installPhase = ''
    runHook preInstall
    mkdir -p $out/lib/openclaw $out/bin
    cp -r . $out/lib/openclaw
    # The hook's own name every fetched archive. It puts ours back or leaves them aside, as nixpkgs goes.
    rm -f $out/lib/openclaw/.package*.orig $out/lib/openclaw/node_modules/.package-lock.json
    cp $src/package.json $src/package-lock.json $out/lib/openclaw
    makeWrapper ${nodejs_24}/bin/node $out/bin/claw --add-flags $out/lib/openclaw/functions/claw.ts
    runHook postInstall
  '';

  # Types are stripped, hooks are taken, and the crypto loads: before anything is deployed.
  doInstallCheck = true;
  installCheckPhase = ''
    HOME=$TMPDIR $out/bin/claw check --no-secrets --config $out/lib/openclaw/openclaw.example.toml
  '';

  passthru = {
    nodejs = nodejs_24;
    inherit source;
  };

  meta = {
    inherit (locked.package) description;
    license = lib.licenses.mit;
    mainProgram = "claw";
    platforms = lib.platforms.linux;
  };
}
