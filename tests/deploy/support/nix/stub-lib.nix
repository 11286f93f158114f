# A stand-in for the part of nixpkgs' `lib` that the module uses, for machines without nixpkgs: it merges definitions, fills
# in defaults and heeds mkIf and mkDefault. It checks no types. A test compares it with the real one where that is.
let
  inherit (builtins)
    all
    attrNames
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    head
    isAttrs
    isFunction
    isList
    length
    listToAttrs
    mapAttrs
    match
    removeAttrs
    replaceStrings
    ;
  nameValue = name: value: { inherit name value; };
  genAttrs = names: f: listToAttrs (map (name: nameValue name (f name)) names);
  optionals = condition: list: if condition then list else [ ];
  optionalAttrs = condition: set: if condition then set else { };
  last = list: elemAt list (length list - 1);

  is = kind: value: isAttrs value && value._type or "" == kind;
  isPlainSet = value: isAttrs value && !(value ? outPath) && !(value ? _type);
  # What of these sets stands at a key.
  at = key: concatMap (set: optionals (set ? ${key}) [ set.${key} ]);
  keysOf = sets: attrNames (foldl' (union: set: union // set) { } sets);

  recursiveUpdate =
    one: two:
    let
      both = key: value: isPlainSet value && isPlainSet (one.${key} or null);
    in
    one // mapAttrs (key: value: if both key value then recursiveUpdate one.${key} value else value) two;

  # Definitions of one place: conditions are heeded, and what is only a default is left out where there is more.
  settle =
    definitions:
    let
      held = concatMap (
        value: if is "if" value then optionals value.condition (settle [ value.content ]) else [ value ]
      ) definitions;
      firm = filter (value: !is "default" value) held;
    in
    if firm != [ ] then firm else map (value: value.content) held;

  merge =
    definitions:
    let
      values = settle definitions;
      defined = filter (key: settle (at key values) != [ ]) (keysOf values);
    in
    if all isList values then
      concatLists values
    else if all isPlainSet values then
      genAttrs defined (key: merge (at key values))
    else
      last values;

  # A value with the defaults that its type's own options have.
  complete =
    type: value:
    if value == null then
      null
    else if type ? options then
      mapAttrs (_: option: option.default) (removeAttrs type.options (attrNames value)) // value
    else if type ? each && isList value then
      map (complete type.each) value
    else if type ? each then
      mapAttrs (_: complete type.each) value
    else if type ? one then
      complete type.one value
    else
      value;

  # What of a definition stands at a key, without asking yet whether its condition holds.
  below =
    key: definition:
    if is "if" definition then
      map (content: definition // { inherit content; }) (below key definition.content)
    else
      at key [ definition ];

  valuesOf =
    options: definitions:
    mapAttrs (
      key: option:
      let
        here = concatMap (below key) definitions;
        value = if settle here != [ ] then merge here else option.default or (throw "${key} is used but not set");
      in
      if is "option" option then complete option.type value else valuesOf option here
    ) options;

  evalModules =
    { modules, specialArgs }:
    let
      arguments = specialArgs // {
        inherit config lib;
      };
      bodyOf =
        module:
        let
          loaded = if isFunction module || isAttrs module then module else import module;
        in
        if isFunction loaded then loaded arguments else loaded;
      withImports = module: [ module ] ++ concatMap withImports (map bodyOf (module.imports or [ ]));
      every = concatMap withImports (map bodyOf modules);
      options = foldl' recursiveUpdate { } (map (module: module.options or { }) every);
      definitions = map (module: module.config or (removeAttrs module [ "imports" "options" ])) every;
      config = valuesOf options definitions;
    in
    {
      inherit config;
    };

  plain = [
    "anything"
    "attrs"
    "bool"
    "float"
    "int"
    "lines"
    "package"
    "path"
    "str"
    "unspecified"
  ];
  types = genAttrs plain (_: { }) // {
    attrsOf = each: { inherit each; };
    listOf = each: { inherit each; };
    nullOr = one: { inherit one; };
    either = _: _: { };
    oneOf = _: { };
    enum = _: { };
    submodule = { options, ... }: { inherit options; };
  };

  mkOption = option: option // { _type = "option"; };
  isShellWord = text: match "[[:alnum:],._+:@%/-]+" text != null;
  escapeShellArg = text: if isShellWord text then text else "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";

  lib = {
    inherit
      concatLists
      concatMap
      concatStringsSep
      escapeShellArg
      evalModules
      filter
      genAttrs
      head
      mapAttrs
      mkOption
      optionalAttrs
      optionals
      types
      ;
    inherit (builtins) tail;
    mkEnableOption =
      description:
      mkOption {
        type = types.bool;
        default = false;
        inherit description;
      };
    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    mkDefault = content: {
      _type = "default";
      inherit content;
    };
    literalExpression = text: text;
    concatMapStrings = f: list: concatStringsSep "" (map f list);
    escapeShellArgs = list: concatStringsSep " " (map escapeShellArg list);
    filterAttrs = keep: set: genAttrs (filter (name: keep name set.${name}) (attrNames set)) (name: set.${name});
    mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    optional = condition: value: optionals condition [ value ];
    optionalString = condition: text: if condition then text else "";
    unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
  };
in
lib
