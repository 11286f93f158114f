# Finds secrets written into settings, which would be copied into the world-readable store. Of builtins alone, so that it
# evaluates without nixpkgs. No message repeats what was found.
let
  inherit (builtins)
    any
    attrNames
    concatLists
    concatMap
    elemAt
    filter
    fromJSON
    head
    isAttrs
    isList
    isString
    length
    match
    readFile
    storeDir
    stringLength
    substring
    typeOf
    ;
  inherit (import ./words.nix) dotted indexed splitAt;

  # Where lib/config/schema.ts takes a secret by reference, and where it takes text as well; a test compares them.
  keys = fromJSON (readFile ./secret-keys.json);

  # "backends.*.api_key" covers [ "backends" "main" "api_key" ].
  covers =
    path: pattern:
    let
      parts = splitAt "[.]" pattern;
      meets = index: part: part == "*" || part == elemAt path index;
    in
    length parts == length path && !(any (met: !met) (indexed meets parts));
  takesReference = path: any (covers path) keys.references;
  takesEither = path: any (covers path) keys.either;

  isReference =
    value:
    isAttrs value
    && length (attrNames value) == 1
    && (isString (value.env or value.credential or value.file or null) || typeOf (value.file or null) == "path");

  isFile = value: isAttrs value && value ? outPath;

  # What a word's form says it is. Only its beginning is looked at: std::regex recurses for each character.
  forms = [
    {
      what = "an age identity";
      form = ".*AGE-SECRET-KEY-[0-9A-Z]+.*";
    }
    {
      what = "a private key";
      form = "KEY-----.*";
    }
    {
      what = "an API key";
      form = "(.*[^A-Za-z0-9])?(sk|gsk|xai|ghp|github_pat|glpat|syt|xox[abp])[-_][A-Za-z0-9_-]{16,}.*";
    }
    {
      what = "a Telegram bot's token";
      form = "(.*[^0-9])?[0-9]{8,10}:[A-Za-z0-9_-]{35}.*";
    }
    {
      what = "a URL with a password";
      form = ".*://[^/@]*:[^/@]+@.*";
    }
    {
      what = "a token of 64 hex digits";
      form = "(.*[^0-9A-Fa-f])?[0-9A-Fa-f]{64}([^0-9A-Fa-f].*)?";
    }
    {
      what = "a key of 32 bytes in base64";
      form = "(.*[^A-Za-z0-9+/])?[A-Za-z0-9+/]{43}=([^=].*)?";
    }
  ];
  # null: nothing in the text looks like a secret.
  secretIn =
    text:
    let
      words = map (substring 0 1024) (splitAt "[[:space:]\"'`]+" text);
      found = filter ({ form, ... }: any (word: match form word != null) words) forms;
    in
    if found == [ ] then null else (head found).what;

  replaceIt = "Then replace that secret: it was in a file, and the files of a flake are copied into the store";

  ofReference =
    label: value:
    if !isReference value then
      [
        ''${label}: must be { env = "NAME"; }, { credential = "name"; } or { file = "/absolute/path"; }, never the secret itself. ${replaceIt}''
      ]
    else if value ? file then
      outsideStore "${label}.file" value.file
    else if secretIn (value.env or value.credential) != null then
      [ "${label}: must hold a name, and holds ${secretIn (value.env or value.credential)}. ${replaceIt}" ]
    else
      [ ];

  # Why a place, where a secret is said to lie, is none for it.
  outsideStore =
    label: place:
    if typeOf place == "path" then
      [
        ''${label}: is a path literal, which Nix copies into the world-readable store: write it as a string, "/run/secrets/…". If that file held a secret, replace it''
      ]
    else if substring 0 (stringLength storeDir) place == storeDir then
      [
        "${label}: is in ${storeDir}, which everybody on the machine can read: name a place outside of it. If that file holds a secret, replace it"
      ]
    else if substring 0 1 place != "/" then
      [ "${label}: must be an absolute path" ]
    else
      [ ];

  # Why a text may not become part of the config.
  inText =
    label: text:
    let
      what = secretIn text;
    in
    if what == null then
      [ ]
    else
      [
        ''${label}: looks like ${what}. Settings are copied into the world-readable store: where a key takes a secret, refer to it by { env = "NAME"; } or { credential = "name"; }. ${replaceIt}''
      ];

  walk =
    path: value:
    let
      label = "services.openclaw.settings.${dotted path}";
    in
    if value == null then
      [ ]
    else if takesReference path || (takesEither path && isAttrs value) then
      ofReference label value
    else if isFile value then
      [ ]
    else if isAttrs value then
      concatMap (name: walk (path ++ [ name ]) value.${name}) (attrNames value)
    else if isList value then
      concatLists (indexed (index: walk (path ++ [ (toString index) ])) value)
    else if isString value then
      inText label value
    else
      [ ];

  refer =
    kind: path: value:
    if !isAttrs value || isFile value then
      [ ]
    else if takesReference path || takesEither path then
      if isReference value && value ? ${kind} then [ value.${kind} ] else [ ]
    else
      concatMap (name: refer kind (path ++ [ name ]) value.${name}) (attrNames value);
in
{
  inherit inText outsideStore;

  # Every reason why settings hold a secret, each with its key.
  inSettings = settings: concatMap (name: walk [ name ] settings.${name}) (attrNames settings);

  # The names of a kind ("env", "credential") that settings refer to.
  referred = kind: settings: refer kind [ ] settings;

  # A flake's source, unless it holds this folder: what git-crypt decrypted in the work tree would be copied into the store.
  without =
    folder: source:
    if builtins.pathExists "${source}/${folder}" then
      throw "${folder}/ is part of this flake's source, so its files are in the world-readable store: make it a git repository of its own, list it in .gitignore, and replace the secrets that were in it"
    else
      source;
}
