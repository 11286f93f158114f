# The options of services.openclaw. What they take beyond `settings` becomes part of `settings`, the one source of the config.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkOption types;
  toml = pkgs.formats.toml { };
  cfg = config.services.openclaw;

  # A table of openclaw.toml, of which some keys are spelt out.
  table =
    options:
    types.submodule {
      freeformType = toml.type;
      inherit options;
    };

  instructions = mkOption {
    type = types.nullOr types.lines;
    default = null;
    description = "What the model is told, in place of a file in `prompt`.";
  };
  prompt = mkOption {
    type = types.nullOr (types.either types.path types.str);
    default = null;
    example = literalExpression "./prompts/ops.md";
    description = "The text file of what the model is told; a path literal is copied beside the config.";
  };

  # A secret by reference: by the credential of this name where there is one, else by the variable.
  secret =
    credential: variable:
    mkOption {
      type = types.attrs;
      default = if credentialNames ? ${credential} then { inherit credential; } else { env = variable; };
      defaultText = literalExpression ''{ credential = "${credential}"; } where that is set, else { env = "${variable}"; }'';
      description = "A secret, by reference.";
    };
  credentialNames = cfg.credentials // cfg.encryptedCredentials;
in
{
  options.services.openclaw = {
    enable = lib.mkEnableOption "OpenClaw, a gateway to AI agents over Matrix and Telegram";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The gateway and `claw`.";
    };

    deployment = mkOption {
      type = types.enum [
        "native"
        "compose"
      ];
      default = "native";
      description = "A service of the machine on the store's Node, or containers of a user's rootless Docker.";
    };

    settings = mkOption {
      type = toml.type;
      default = { };
      example = literalExpression ''{ timezone = "Europe/Berlin"; agents.ops.limits.steps = 8; }'';
      description = "openclaw.toml: docs/configuration.md has its keys. Secrets are refused; path literals are copied beside the config.";
    };

    agents = mkOption {
      type = types.attrsOf (table {
        description = mkOption {
          type = types.str;
          description = "One line, shown to people who list the agents.";
        };
        backend = mkOption {
          type = types.str;
          default = "main";
          description = "One of `settings.backends`.";
        };
        tools = mkOption {
          type = types.listOf types.str;
          default = [ ];
          description = "All it may ever call.";
        };
        inherit instructions prompt;
      });
      default = { };
      description = "`settings.agents`, with the instructions in place where they are wanted.";
    };

    jobs = mkOption {
      type = types.attrsOf (table {
        agent = mkOption {
          type = types.str;
          description = "One of `agents`.";
        };
        schedule = mkOption {
          type = types.str;
          example = "0 8 * * 1-5";
          description = "Minute, hour, day, month, weekday; the timer is made of it.";
        };
        deliver = mkOption {
          type = types.listOf types.str;
          description = "Matrix rooms and Telegram chats.";
        };
        inherit instructions prompt;
      });
      default = { };
      description = "`settings.jobs`; each has a systemd timer, unless `settings.scheduler` is \"internal\".";
    };

    matrix = mkOption {
      type = types.nullOr (table {
        homeserver = mkOption {
          type = types.str;
          default = "http://127.0.0.1:8008";
          description = "The homeserver's client-server API as the gateway reaches it.";
        };
        server_name = mkOption {
          type = types.str;
          description = "The part after the colon in Matrix ids.";
        };
        as_token = secret "matrix-as-token" "MATRIX_AS_TOKEN";
        hs_token = secret "matrix-hs-token" "MATRIX_HS_TOKEN";
      });
      default = null;
      description = "`settings.matrix`; null: no Matrix.";
    };

    telegram = mkOption {
      type = types.attrsOf (table {
        agent = mkOption {
          type = types.str;
          description = "Who answers until the person picks another.";
        };
        token = secret "telegram-token" "TELEGRAM_TOKEN";
        webhook_secret = secret "telegram-webhook-secret" "TELEGRAM_WEBHOOK_SECRET";
      });
      default = { };
      description = "`settings.telegram`, by bot. Further bots than one need `token` and `webhook_secret`.";
    };

    environmentFiles = mkOption {
      # Not types.path: a path literal would be copied into the store. What is wrong with a place is told by an assertion.
      type = types.listOf types.unspecified;
      default = [ ];
      example = [ "/etc/openclaw/secrets/openclaw.env" ];
      description = "Files of NAME=value lines that hold secrets, outside of the store: the manager reads them, or compose.";
    };

    credentials = mkOption {
      type = types.attrsOf types.unspecified;
      default = { };
      example = {
        llm-api-key = "/run/secrets/llm-api-key";
      };
      description = "Files that hold a secret each, outside of the store; settings refer to them as { credential = \"NAME\"; }.";
    };

    encryptedCredentials = mkOption {
      type = types.attrsOf types.path;
      default = { };
      example = literalExpression "{ llm-api-key = ./llm-api-key.cred; }";
      description = "The same, made by `systemd-creds encrypt --name=NAME` on this machine: they may lie in the store.";
    };

    tokenFile = mkOption {
      type = types.nullOr types.unspecified;
      default = null;
      example = "/etc/openclaw/secrets/token";
      description = "The token of `settings.listen.token` alone, for the timers, where that one is a variable.";
    };

    publicAddress = mkOption {
      type = types.str;
      default = "127.0.0.1:8080";
      description = "Where Telegram's and Synapse's pushes arrive: behind your reverse proxy.";
    };

    privateAddress = mkOption {
      type = types.str;
      default = "127.0.0.1:8081";
      description = "Jobs, health, metrics and the ops page; never published.";
    };

    database = {
      createLocally = mkOption {
        type = types.bool;
        default = true;
        description = "Native: whether `services.postgresql` gets a database and a user `openclaw`, reached by its socket.";
      };
      url = mkOption {
        type = types.nullOr types.attrs;
        default = null;
        example = {
          env = "DATABASE_URL";
        };
        description = "`settings.database.url`: a database elsewhere, a secret by reference.";
      };
    };

    backup.enable = mkOption {
      type = types.bool;
      default = false;
      description = "Native: whether a backup is made every night, in /var/lib/openclaw-backup, encrypted to `settings.audit.recipient`.";
    };

    registration = {
      enable = mkOption {
        type = types.bool;
        default = cfg.matrix != null && cfg.deployment == "native" && config.services.matrix-synapse.enable;
        defaultText = literalExpression "this machine runs services.matrix-synapse, and the deployment is native";
        description = "Whether the application service's registration is written at boot, and Synapse told of it.";
      };
      user = mkOption {
        type = types.str;
        default = "matrix-synapse";
        description = "Who may read it.";
      };
      url = mkOption {
        type = types.str;
        default = "http://${cfg.publicAddress}";
        defaultText = literalExpression ''"http://''${publicAddress}"'';
        description = "Where the homeserver reaches the gateway.";
      };
      file = mkOption {
        type = types.str;
        readOnly = true;
        default = "/run/openclaw-registration/appservice.yaml";
        description = "Where it is, for homeservers that are set up elsewhere.";
      };
    };

    compose = {
      user = mkOption {
        type = types.str;
        example = "me";
        description = "Whose rootless Docker runs the containers. Timers and services are this user's.";
      };
      postgresEnvironmentFile = mkOption {
        type = types.nullOr types.unspecified;
        default = null;
        example = "/home/me/house/secrets/postgres.env";
        description = "POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD and GATEWAY_PASSWORD.";
      };
      profiles = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "proxy" ];
        description = "Profiles of compose.yaml to run besides.";
      };
    };

    configFolder = mkOption {
      type = types.package;
      readOnly = true;
      description = "openclaw.toml and its files, as `claw check` has accepted them.";
    };
  };
}
