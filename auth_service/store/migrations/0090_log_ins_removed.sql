-- A log-in that is over is removed; the audit log still finds it by the `sid` of its tokens, which
-- it has from now on.
CREATE INDEX audit_log_sid ON audit_log ((detail ->> 'sid')) WHERE event = 'tokens issued';
