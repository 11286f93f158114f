# A machine with Synapse, PostgreSQL and the gateway: an encrypted message is answered, and a timer's job is delivered.
# Models and Telegram are stand-ins of the project's own tests.
{ lib, pkgs, ... }:
let
  tests = pkgs.callPackage ./package.nix { development = true; };
  node = "${tests.nodejs}/bin/node --import ${tests}/lib/openclaw/lib/boot.ts";
  program = name: "${node} ${tests}/lib/openclaw/tests/vm/${name}.ts";
  modelPort = 9001;
  telegramPort = 9002;
in
{
  name = "openclaw";

  nodes.house = {
    imports = [ ./module.nix ];

    virtualisation = {
      memorySize = 3072;
      cores = 2;
    };

    # Made at boot: a secret in this file would be in the store.
    systemd.services.secrets = {
      wantedBy = [ "multi-user.target" ];
      before = [
        "openclaw.service"
        "openclaw-registration.service"
        "matrix-synapse.service"
      ];
      requiredBy = [
        "openclaw.service"
        "openclaw-registration.service"
        "matrix-synapse.service"
      ];
      path = [ pkgs.openssl ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        UMask = "0077";
      };
      script = ''
        # Kept over a restart: what is sealed opens with the same key alone.
        [ -e /var/lib/secrets ] && exit
        mkdir /var/lib/secrets
        cd /var/lib/secrets
        openssl rand -base64 32 > openclaw-key
        for name in openclaw-token matrix-as-token matrix-hs-token telegram-webhook-secret; do
          openssl rand -hex 32 > $name
        done
        echo "12345678:$(openssl rand -hex 20 | cut -c 1-35)" > telegram-token
        openssl rand -hex 32 > registration-secret
        echo "registration_shared_secret: \"$(cat registration-secret)\"" > synapse.yaml
        chown matrix-synapse: synapse.yaml
        # Synapse passes through; the rest is root's.
        chmod 0711 /var/lib/secrets
      '';
    };

    systemd.services.peers = {
      wantedBy = [ "multi-user.target" ];
      before = [ "openclaw.service" ];
      serviceConfig = {
        ExecStart = "${program "peers"} ${toString modelPort} ${toString telegramPort}";
        DynamicUser = true;
        Environment = "HOME=/tmp";
      };
    };

    services.postgresql = {
      # Synapse wants its own collation.
      initialScript = pkgs.writeText "synapse.sql" ''
        create role "matrix-synapse" login;
        create database "matrix-synapse" owner "matrix-synapse" template template0 lc_collate "C" lc_ctype "C";
      '';
    };

    services.matrix-synapse = {
      enable = true;
      settings.server_name = "home.test";
      extraConfigFiles = [ "/var/lib/secrets/synapse.yaml" ];
    };

    services.openclaw = {
      enable = true;
      credentials = lib.genAttrs [
        "openclaw-key"
        "openclaw-token"
        "matrix-as-token"
        "matrix-hs-token"
        "telegram-token"
        "telegram-webhook-secret"
      ] (name: "/var/lib/secrets/${name}");
      settings = {
        key.credential = "openclaw-key";
        listen.token.credential = "openclaw-token";
        backends.main = {
          base_url = "http://127.0.0.1:${toString modelPort}/v1";
          model = "scripted";
        };
        groups.owners = {
          members = [
            "matrix:@ada:home.test"
            "telegram:7"
          ];
          agents = [ "*" ];
          tools = [ "*" ];
        };
      };
      matrix.server_name = "home.test";
      telegram.home = {
        agent = "ops";
        api_root = "http://127.0.0.1:${toString telegramPort}";
      };
      agents.ops = {
        description = "Watches the homelab";
        instructions = "You help with the homelab.";
        tools = [ "time_now" ];
        telegram = true;
        matrix.localpart = "agent_ops";
      };
      jobs.report = {
        agent = "ops";
        schedule = "0 8 * * 1-5";
        instructions = "Say that it is morning.";
        tools = [ "time_now" ];
        sources = [ { tool = "time_now"; } ];
        deliver = [ "telegram:7" ];
      };
    };
  };

  testScript = ''
    house.start()
    house.wait_for_unit("openclaw.service")
    house.wait_for_unit("matrix-synapse.service")
    house.wait_until_succeeds("curl --fail --silent http://127.0.0.1:8008/health")

    with subtest("the registration is the homeserver's alone"):
        house.succeed("test $(stat -c %U:%a /run/openclaw-registration/appservice.yaml) = matrix-synapse:600")

    with subtest("an encrypted message is answered"):
        house.succeed("claw matrix provision")
        house.wait_until_succeeds("curl --fail --silent http://127.0.0.1:8081/readyz | grep -F '\"matrix.ops\":{\"ok\":true'")
        answer = house.succeed(
            "REGISTRATION_SECRET=$(cat /var/lib/secrets/registration-secret) HOME=/tmp "
            + "${program "talk"} http://127.0.0.1:8008 ada @agent_ops:home.test 'is the rack well?'"
        )
        assert "encrypted true: You said: " in answer and "is the rack well?" in answer, answer

    with subtest("a timer's job is delivered"):
        house.succeed("systemctl is-active openclaw-job-report.timer")
        house.succeed("systemctl start openclaw-job-report.service")
        house.wait_until_succeeds("journalctl --unit peers.service | grep -F 'sent to 7: '")

    with subtest("the service is locked in, and keeps its secrets"):
        house.succeed("systemd-analyze verify --man=no --recursive-errors=no openclaw.service openclaw-job-report.timer")
        for unit in ["openclaw.service", "openclaw-job-report.service"]:
            house.succeed(f"systemd-analyze security --threshold=20 {unit}")
        # Gathered first: a pipe that breaks, or a process that ends meanwhile, must not pass for a secret that is not there.
        house.succeed(
            "journalctl > /tmp/seen",
            "cat /proc/[0-9]*/cmdline >> /tmp/seen || true",
            "find -L /etc/systemd/system -type f -exec cat {} + >> /tmp/seen",
        )
        for word in ["sent to 7: ", "OPENCLAW_CONFIG="]:
            house.succeed(f"grep -qaF '{word}' /tmp/seen")
        for secret in ["openclaw-key", "matrix-as-token", "telegram-token"]:
            status, _ = house.execute(f"grep -qaF -f /var/lib/secrets/{secret} /tmp/seen")
            assert status == 1, f"{secret} was seen, or not looked for: {status}"

    with subtest("it goes on after a restart of the machine"):
        house.shutdown()
        house.start()
        house.wait_for_unit("openclaw.service")
        house.wait_until_succeeds("curl --fail --silent http://127.0.0.1:8081/healthz")
  '';
}
