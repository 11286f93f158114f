# What the house has, however it is deployed. No secret stands here: it would be refused.
{
  services.openclaw = {
    enable = true;

    settings = {
      timezone = "Europe/Berlin";
      operator = "matrix:!ops:home.example";

      backends.main = {
        base_url = "https://llm.example/v1";
        api_key.env = "LLM_API_KEY";
        model = "some-model";
      };

      groups.owners = {
        members = [
          "matrix:@me:home.example"
          "telegram:123456789"
        ];
        agents = [ "*" ];
        tools = [ "*" ];
        approve = true;
      };

      tools.alerts.url = "http://127.0.0.1:9093";
    };

    agents.ops = {
      description = "Watches the homelab";
      prompt = ./prompts/ops.md;
      tools = [
        "time_now"
        "commitments_*"
        "alerts_*"
      ];
      telegram = true;
      matrix = {
        localpart = "agent_ops";
        display_name = "Ops";
        rooms = [ "!ops:home.example" ];
      };
    };

    jobs.morning-briefing = {
      agent = "ops";
      function = "briefing";
      schedule = "0 8 * * 1-5";
      tools = [ "alerts_list" ];
      deliver = [ "matrix:!ops:home.example" ];
    };

    matrix.server_name = "home.example";

    telegram.home = {
      agent = "ops";
      webhook_url = "https://claw.home.example/telegram/home";
    };
  };
}
