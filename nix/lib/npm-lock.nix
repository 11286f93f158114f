# package.json and package-lock.json as nixpkgs' importNpmLock takes them: it fetches each package from `resolved`, which our
# lock leaves out, so that it names no registry. The hashes are the lock's own: none is kept here.
{
  package,
  packageLock,
  registry ? "https://registry.npmjs.org",
  # Whether tests can run.
  development ? false,
}:
let
  inherit (builtins)
    attrNames
    filter
    listToAttrs
    mapAttrs
    match
    removeAttrs
    ;
  inherit (import ./words.nix) last splitAt;

  # Nix brings Node and PostgreSQL.
  isLeftOut = name: match "embedded-postgres|@embedded-postgres/.*|node-linux-.*" name != null;

  # An alias has its own name in the entry.
  nameOf = path: entry: entry.name or (last (splitAt "node_modules/" path));
  address =
    name: version: "${registry}/${name}/-/${last (splitAt "/" name)}-${version}.tgz";

  keep =
    path: entry:
    path == "" || !(isLeftOut (nameOf path entry)) && (development || !(entry.dev or false));
  entries = packageLock.packages;
  kept = listToAttrs (
    map (name: {
      inherit name;
      value = entries.${name};
    }) (filter (path: keep path entries.${path}) (attrNames entries))
  );

  onlyWanted =
    root:
    removeAttrs root (if development then [ ] else [ "devDependencies" ])
    // {
      optionalDependencies = removeAttrs root.optionalDependencies (
        filter isLeftOut (attrNames root.optionalDependencies)
      );
    };
in
{
  package = onlyWanted package;
  packageLock = packageLock // {
    packages = mapAttrs (
      path: entry:
      if path == "" then
        onlyWanted entry
      else
        { resolved = address (nameOf path entry) entry.version; } // entry
    ) kept;
  };
}
