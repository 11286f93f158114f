-- Run once by the image's entry point, when it makes a new cluster: the gateway's login, which owns nothing. What it may do
-- is granted when the gateway migrates, by the owner POSTGRES_USER.
\getenv gateway_password GATEWAY_PASSWORD
\if :{?gateway_password}
create role openclaw_gateway login password :'gateway_password';
\else
do $$ begin raise 'GATEWAY_PASSWORD is not set: put it into postgres.env beside POSTGRES_PASSWORD, remove the volume "postgres" and start again'; end $$;
\endif
