-- The network that a refresh token was given to: an account's devices are known by it, beside their cookie, as long as the token is kept.
alter table refresh_tokens add column network text;

drop index refresh_tokens_by_user;

create index refresh_tokens_by_user on refresh_tokens (user_id, network);
