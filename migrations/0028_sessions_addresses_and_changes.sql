-- The session in which a stream's ticket was asked for; null when a device asked with its key. The ticket is void when it has ended.
alter table event_tickets add column session text;

