{{/* Rules across fields, which the schema cannot tell: one sentence each, with both fields and what to change. */}}

{{- define "embargo-butler.checks" -}}
{{- if ne .Release.Namespace .Values.namespace }}
{{- fail (printf "environment %s lives in namespace %s (value `namespace`), this release would go to namespace %s: give helm `--namespace %s`" .Values.environment .Values.namespace .Release.Namespace .Values.namespace) }}{{ end }}
{{- range $name := list "redis" "enqueue" "ingest" "idle" "presence" }}
{{- $values := get $.Values $name }}
{{- if ne (toString $values.enabled) "false" }}
{{- include "embargo-butler.checkComponent" (dict "root" $ "name" $name "values" $values) }}
{{- with $values.service }}
{{- if not (and (eq $name "enqueue") (eq $.Values.enqueue.mode "kafka")) }}
{{- include "embargo-butler.checkService" (dict "name" $name "service" .) }}
{{- if ne $name "redis" }}{{ include "embargo-butler.checkGrace" (dict "name" $name "seconds" $values.terminationGracePeriodSeconds) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- include "embargo-butler.checkRedis" . }}
{{- include "embargo-butler.checkEnqueue" . }}
{{- include "embargo-butler.checkIngest" . }}
{{- include "embargo-butler.checkScale" . }}
{{- include "embargo-butler.checkImage" (dict "root" . "name" "hooks" "values" .Values.hooks) }}
{{- include "embargo-butler.checkImage" (dict "root" . "name" "monitoring.exporter" "values" .Values.monitoring.exporter) }}
{{- if .Values.monitoring.exporter.enabled }}{{ include "embargo-butler.checkTag" (dict "name" "monitoring.exporter" "values" .Values.monitoring.exporter) }}{{ end }}
{{- if and .Values.monitoring.rules.enabled (not .Values.monitoring.exporter.enabled) }}
{{- fail "`monitoring.rules.enabled` is true, but `monitoring.exporter.enabled` is false, so that Redis would be told to be down for ever: set both to true, or none" }}{{ end }}
{{- $secrets := include "embargo-butler.given" .Values.secrets | fromJson }}
{{- range $name, $_ := include "embargo-butler.given" .Values.existingSecrets | fromJson }}
{{- if hasKey $secrets $name }}{{ fail (printf "Secret %s is in `secrets` and in `existingSecrets`: it is either copied from Vault or left to somebody else, so leave one of both out" $name) }}{{ end }}
{{- end }}
{{- with .Values.presence }}
{{- if and .enabled .askedBy (ne .service.type "LoadBalancer") }}
{{- fail (printf "`presence.askedBy` is %s, but `presence.service.type` is %s, which nobody outside of the cluster reaches: set the type to LoadBalancer, or leave the former empty" .askedBy .service.type) }}{{ end }}
{{- end }}
{{- include "embargo-butler.checkHooks" . }}
{{- include "embargo-butler.checkBuckets" . }}
{{- end }}

{{- /* Can the jobs log in, and are the Secrets that are named one by one what they are named for? */}}
{{- define "embargo-butler.checkHooks" -}}
{{- $secrets := include "embargo-butler.given" .Values.secrets | fromJson }}
{{- with .Values.vault.auth }}
{{- $stored := has .method (list "approle" "token" "wrapped") }}
{{- if and $stored (not .secret.name) }}{{ fail (printf "`vault.auth.method` is %s, but `vault.auth.secret.name` is empty: name the Secret that the login is made with" .method) }}{{ end }}
{{- if and .secret.name (not $stored) }}{{ fail (printf "`vault.auth.secret.name` is %s, but `vault.auth.method` is %s, which logs in with the pod's own token: leave one of both out" .secret.name .method) }}{{ end }}
{{- if hasKey $secrets .secret.name }}{{ fail (printf "`vault.auth.secret.name` is %s, which `secrets` declares: it is needed to read Vault, so make it beforehand under another name" .secret.name) }}{{ end }}
{{- end }}
{{- if and .Values.hooks.audit.enabled (eq .Values.vault.auth.method "wrapped") }}{{ fail "`hooks.audit.enabled` is true, but `vault.auth.method` is wrapped, whose tokens serve one job once: take another method, or set the former to false" }}{{ end }}
{{- range $name := .Values.hooks.secrets.takeOver }}
{{- if not (hasKey $secrets $name) }}{{ fail (printf "`hooks.secrets.takeOver` has %s, which `secrets` does not declare: declare it, or leave it out" $name) }}{{ end }}
{{- end }}
{{- with .Values.redis.password }}
{{- if hasKey (get $secrets .secret | default dict) (printf "%s.admitted" .key) }}{{ fail (printf "`secrets.%s` declares the key %s.admitted, in which the jobs keep what Redis lets in while its password changes: take another name" .secret .key) }}{{ end }}
{{- end }}
{{- range $name := .Values.hooks.secrets.retired }}
{{- if hasKey $secrets $name }}{{ fail (printf "`hooks.secrets.retired` has %s, which `secrets` declares: leave one of both out" $name) }}{{ end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkComponent" -}}
{{- $name := .name }}
{{- include "embargo-butler.checkImage" . }}
{{- include "embargo-butler.checkTag" . }}
{{- range $variable, $value := .values.env }}
{{- if kindIs "map" $value }}
{{- include "embargo-butler.checkSecret" (dict "root" $.root "at" (printf "%s.env.%s" $name $variable) "ref" $value) }}
{{- end }}
{{- end }}
{{- range $what, $amount := .values.resources.limits }}
{{- if not (get ($.values.resources.requests | default dict) $what) }}
{{- fail (printf "`%s.resources.limits.%s` is %s, but `%s.resources.requests.%s` is empty and would silently be as much: say what to reserve" $name $what $amount $name $what) }}{{ end }}
{{- end }}
{{- range $label := list "app" "site" }}
{{- if or (hasKey $.values.podLabels $label) (hasKey $.root.Values.pods.podLabels $label) }}
{{- fail (printf "`podLabels` of %s or of `pods` has %s, which the selector of %s is made of: take another name" $name $label $name) }}{{ end }}
{{- end }}
{{- if hasKey (merge (dict) .values.podAnnotations $.root.Values.pods.podAnnotations) "embargo-butler/restarted-at" }}
{{- fail (printf "`podAnnotations` of %s or of `pods` has embargo-butler/restarted-at, which the jobs set when they restart something, so every upgrade would restart it again: leave it out" $name) }}{{ end }}
{{- if and .values.serviceAccount.annotations (not .values.serviceAccount.create) }}
{{- fail (printf "`%s.serviceAccount.annotations` is given, but `%s.serviceAccount.create` is false: set it to true, or annotate the account where it is made" $name $name) }}{{ end }}
{{- $volumes := merge (include "embargo-butler.given" .values.volumes | fromJson) (.values.claims | default dict) }}
{{- range $path, $mount := include "embargo-butler.given" .values.volumeMounts | fromJson }}
{{- if not (hasKey $volumes $mount.name) }}{{ fail (printf "`%s.volumeMounts` has volume %s at %s, which `%s.volumes` does not have: declare it there" $name $mount.name $path $name) }}{{ end }}
{{- end }}
{{- end }}

{{- /* In production a name means the same image tomorrow: a version, or a digest. A rollback to a tag that moves brings another one. */}}
{{- define "embargo-butler.checkImage" -}}
{{- with .values.image }}
{{- if and $.root.Values.production .tag (not .digest) (not (regexMatch `^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].+)?$` .tag)) }}
{{- fail (printf "`%s.image.tag` is %s, which is no version and may mean another image tomorrow, but `production` is true: give `%s.image.digest` too (`make pin ENV=%s` writes it), or a version" $.name .tag $.name $.root.Values.environment) }}{{ end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkTag" -}}
{{- if not (or .values.image.tag .values.image.digest) }}{{ fail (printf "`%s.image.tag` is empty: say which version of %s this environment runs, or give `%s.image.digest`" .name .name .name) }}{{ end }}
{{- end }}

{{- define "embargo-butler.checkService" -}}
{{- with .service }}
{{- if ne .type "LoadBalancer" }}
{{- if .address }}{{ fail (printf "`%s.service.address` is %s, but `%s.service.type` is %s: only a LoadBalancer has an address of its own, so leave one of both out" $.name .address $.name .type) }}{{ end }}
{{- if .sourceRanges }}{{ fail (printf "`%s.service.sourceRanges` is given, but `%s.service.type` is %s: only a LoadBalancer is closed to others, so leave one of both out" $.name $.name .type) }}{{ end }}
{{- else if not (or .pool .address .annotations) }}
{{- fail (printf "`%s.service.type` is LoadBalancer, but neither `%s.service.pool` nor `%s.service.address` says which address others depend on: name one" $.name $.name $.name) }}{{ end }}
{{- end }}
{{- end }}

{{- /* Is there time left for gunicorn after the sleep of `embargo-butler.http`? */}}
{{- define "embargo-butler.checkGrace" -}}
{{- if le (int .seconds) 5 }}
{{- fail (printf "`%s.terminationGracePeriodSeconds` is %d, of which the pod sleeps for the first 5 until the Service has forgotten it, so it would be killed with requests open: give more than 5" .name (int .seconds)) }}{{ end }}
{{- end }}

{{- define "embargo-butler.checkRedis" -}}
{{- include "embargo-butler.checkSecret" (dict "root" . "at" "redis.password" "ref" .Values.redis.password) }}
{{- with .Values.redis }}
{{- if ne (int .service.port) 6379 }}{{ fail (printf "`redis.service.port` is %d, but the services connect to 6379 of what REDIS_HOST names: leave the port out" (int .service.port)) }}{{ end }}
{{- if and .persistence.existingClaim .persistence.annotations }}
{{- fail (printf "`redis.persistence.annotations` is given, but `redis.persistence.existingClaim` is %s, which is not made here: annotate it where it is, and leave the former out" .persistence.existingClaim) }}{{ end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkEnqueue" -}}
{{- $kafka := .Values.enqueue.kafka }}
{{- $drain := include "embargo-butler.filled" $kafka.drain | fromJson }}
{{- range $variable, $name := dict "KAFKA_CLUSTER" "cluster" "KAFKA_TOPIC" "topic" "KAFKA_GROUP_ID" "groupId" "KAFKA_OFFSET_RESET" "offsetReset" }}
{{- if hasKey $.Values.enqueue.env $variable }}
{{- fail (printf "`enqueue.env.%s` is given, past `enqueue.kafka.%s`, which is what rules and jobs look at: say it there" $variable $name) }}{{ end }}
{{- end }}
{{- if eq .Values.enqueue.mode "kafka" }}
{{- range $name := list "cluster" "topic" }}
{{- if not (get $kafka $name) }}{{ fail (printf "`enqueue.mode` is kafka, but `enqueue.kafka.%s` is empty: say what to consume" $name) }}{{ end }}
{{- end }}
{{- $topics := (.Values.bucketConfig | default dict).topics | default dict }}
{{- $declared := dig $kafka.topic "attributes" "push-endpoint" "" $topics }}
{{- if and (not $kafka.fedBy) (or (not $declared) (dig $kafka.topic "unconfirmed" "" $topics)) }}
{{- fail (printf "`enqueue.kafka.topic` is %s, which `bucketConfig.topics` does not declare, or not for certain: declare it, or say in `enqueue.kafka.fedBy` who feeds it" $kafka.topic) }}{{ end }}
{{- if and $declared (not (hasPrefix "kafka://" $declared)) }}
{{- fail (printf "`enqueue.kafka.topic` is %s, but `bucketConfig.topics.%s` announces to %s: give it a push-endpoint kafka://..." $kafka.topic $kafka.topic $declared) }}{{ end }}
{{- if not $kafka.fedBy }}
{{- $fed := false }}
{{- range .Values.bucketConfig.buckets }}
{{- $certain := not .unconfirmed }}
{{- range .notifications }}
{{- if and $certain (eq .topic $kafka.topic) (not .unconfirmed) }}{{ $fed = true }}{{ end }}
{{- end }}
{{- end }}
{{- if not $fed }}
{{- fail (printf "`enqueue.kafka.topic` is %s, which none of `bucketConfig.buckets` announces to, or not for certain: give a bucket a notification of it, or say in `enqueue.kafka.fedBy` who feeds it" $kafka.topic) }}{{ end }}
{{- $brokers := printf "%s,%s" $declared (dig $kafka.topic "attributes" "kafka-brokers" "" $topics) }}
{{- $common := false }}
{{- range splitList "," $kafka.cluster }}{{ if contains . $brokers }}{{ $common = true }}{{ end }}{{ end }}
{{- if not $common }}
{{- fail (printf "`enqueue.kafka.cluster` is %s, but `bucketConfig.topics.%s` announces to %s: give both the same brokers, or say in `enqueue.kafka.fedBy` how images get from one to the other" $kafka.cluster $kafka.topic $declared) }}{{ end }}
{{- end }}
{{- if and $drain (not $drain.topic) }}{{ fail (printf "`enqueue.kafka.drain.%s` is given, but `enqueue.kafka.drain.topic` is empty: name the topic to drain, or leave `drain` out" (keys $drain | first)) }}{{ end }}
{{- if and (eq (toString $drain.topic) $kafka.topic) (eq ($drain.cluster | default $kafka.cluster) $kafka.cluster) }}
{{- fail (printf "`enqueue.kafka.drain.topic` and `enqueue.kafka.topic` are both %s of the same brokers: drain the old topic, or leave `drain` out" $kafka.topic) }}{{ end }}
{{- else }}
{{- include "embargo-butler.checkSecret" (dict "root" . "at" "enqueue.notificationSecret" "ref" .Values.enqueue.notificationSecret) }}
{{- range $name, $value := include "embargo-butler.filled" (merge (omit $kafka "drain" "offsetReset") (dict "drain.topic" $drain.topic)) | fromJson }}
{{- fail (printf "`enqueue.kafka.%s` is %s, but `enqueue.mode` is %s: set the mode to kafka, or leave the former out" $name $value $.Values.enqueue.mode) }}{{ end }}
{{- end }}
{{- $address := regexMatch `\{\{[^}]*enqueue\.address` (toJson .Values.bucketConfig) }}
{{- if and $address (eq .Values.enqueue.mode "kafka") }}
{{- fail "`bucketConfig.topics` announces to {{ enqueue.address }}, but `enqueue.mode` is kafka, which has no Service: announce to kafka://..., or set the mode to webhook" }}{{ end }}
{{- if and $address (ne .Values.enqueue.service.type "LoadBalancer") }}
{{- fail (printf "`bucketConfig.topics` announces to {{ enqueue.address }}, but `enqueue.service.type` is %s: set the type to LoadBalancer" .Values.enqueue.service.type) }}{{ end }}
{{- $port := int .Values.enqueue.service.port }}
{{- range $name, $topic := (.Values.bucketConfig | default dict).topics }}
{{- $endpoint := toString (get $topic.attributes "push-endpoint") }}
{{- if and (regexMatch `enqueue\.address` $endpoint) (not (regexMatch (printf `enqueue\.address[^}]*\}\}:%d(/|$)` $port) $endpoint)) }}
{{- fail (printf "`bucketConfig.topics.%s.attributes.push-endpoint` is %s, but `enqueue.service.port` is %d, so nobody would listen there: write {{ enqueue.address }}:%d/notify, or change the port" $name $endpoint $port $port) }}{{ end }}
{{- end }}
{{- /* What enqueue searches in begins with the bucket; without a regexp of ours it has its own. */}}
{{- $regexp := .Values.enqueue.env.DATASET_REGEXP }}
{{- if kindIs "invalid" $regexp }}{{ $regexp = "fits$" }}{{ end }}
{{- if kindIs "string" $regexp }}
{{- range $kind, $keys := .Values.enqueue.examples }}
{{- range $keys }}
{{- $path := printf "%s/%s" ($.Values.ingest.env.BUCKET | default "bucket") . }}
{{- if ne (eq (include "the regular expression `enqueue.env.DATASET_REGEXP`" (list $regexp $path)) "true") (eq $kind "taken") }}
{{- fail (printf "`enqueue.env.DATASET_REGEXP` is %q, which %s %s of `enqueue.examples.%s`: mend the one or the other" $regexp (ternary "does not take" "takes" (eq $kind "taken")) $path $kind) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What is no regular expression at all ends here, and Helm's message has no other sign of the value than this name. */}}
{{- define "the regular expression `enqueue.env.DATASET_REGEXP`" -}}
{{- mustRegexMatch (first .) (last .) -}}
{{- end }}

{{- define "embargo-butler.checkIngest" -}}
{{- $env := .Values.ingest.env }}
{{- range $name := list "BUCKET" "BUTLER_REPO" }}
{{- if not (get $env $name) }}{{ fail (printf "`ingest.env.%s` is missing: ingest does not start without it" $name) }}{{ end }}
{{- end }}
{{- $profile := regexFind `^[^@]+@` $env.BUCKET | trimSuffix "@" }}
{{- if ne $profile (.Values.enqueue.env.PROFILE | default "") }}
{{- fail (printf "`enqueue.env.PROFILE` is %q, but `ingest.env.BUCKET` is %s: enqueue would put the images into another queue than ingest takes them from, so give both the same profile" (.Values.enqueue.env.PROFILE | default "") $env.BUCKET) }}{{ end }}
{{- if and $profile (not (get $env (printf "LSST_RESOURCES_S3_PROFILE_%s" $profile))) }}
{{- fail (printf "`ingest.env.BUCKET` is %s, but `ingest.env.LSST_RESOURCES_S3_PROFILE_%s` is missing: give the credentials of the profile" $env.BUCKET $profile) }}{{ end }}
{{- if ne (empty $env.AWS_ACCESS_KEY_ID) (empty $env.AWS_SECRET_ACCESS_KEY) }}{{ fail "one of `ingest.env.AWS_ACCESS_KEY_ID` and `ingest.env.AWS_SECRET_ACCESS_KEY` is missing: give both, or none" }}{{ end }}
{{- range $name := list "MAX_FAILURES" "MAX_GUIDER_WAIT" "MAX_INGESTS" "GROUP_LIFETIME" }}
{{- $value := get $env $name }}
{{- if and (hasKey $env $name) (kindIs "string" $value) (not (regexMatch `^[0-9]+(\.[0-9]+)?$` $value)) }}
{{- fail (printf "`ingest.env.%s` is %q, on which ingest ends at its start: give a number, or null for its own" $name $value) }}{{ end }}
{{- end }}
{{- $files := include "embargo-butler.given" .Values.ingest.files | fromJson }}
{{- range $file, $ref := $files }}
{{- include "embargo-butler.checkSecret" (dict "root" $ "at" (printf "ingest.files.%s" $file) "ref" $ref) }}
{{- end }}
{{- if ne (empty .Values.ingest.rucio) (empty $env.RUCIO_RSE) }}{{ fail "one of `ingest.rucio` and `ingest.env.RUCIO_RSE` is missing: give both to register images with Rucio, or none" }}{{ end }}
{{- $key := dig "client" "ssh_private_key" "" (.Values.ingest.rucio | default dict) }}
{{- if and $key (not (hasKey $files (base $key))) }}{{ fail (printf "`ingest.rucio.client.ssh_private_key` is %s, but `ingest.files` has no %s: name the Secret that it comes from" $key (base $key)) }}{{ end }}
{{- if has .Values.ingest.name (list "redis" "enqueue" "enqueue-drain" "exporter" "idle" "presence") }}{{ fail (printf "`ingest.name` is %s, as another Deployment's: take another name" .Values.ingest.name) }}{{ end }}
{{- end }}

{{- /* Does the number of ingest's pods suit those who decide it, and the Butler? */}}
{{- define "embargo-butler.checkScale" -}}
{{- with .Values.ingest }}
{{- if .autoscaling.enabled }}
{{- if not (kindIs "invalid" .replicas) }}{{ fail (printf "`ingest.autoscaling.enabled` is true, but `ingest.replicas` is %d, which every upgrade would go back to: set `ingest.replicas` to null" (int .replicas)) }}{{ end }}
{{- if gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas) }}
{{- fail (printf "`ingest.autoscaling.minReplicas` is %d, but `ingest.autoscaling.maxReplicas` is %d: the former cannot be more" (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) }}{{ end }}
{{- end }}
{{- if .sqliteButler }}
{{- if .autoscaling.enabled }}{{ fail "`ingest.sqliteButler` is given, but `ingest.autoscaling.enabled` is true: two pods would corrupt the SQLite file, so set it to false" }}{{ end }}
{{- if or (kindIs "invalid" .replicas) (gt (int .replicas) 1) }}
{{- fail (printf "`ingest.sqliteButler` is given, but `ingest.replicas` is %s: two pods would corrupt the SQLite file, so set it to 1" (ternary "null" (toString .replicas) (kindIs "invalid" .replicas))) }}{{ end }}
{{- $paths := list }}
{{- range .claims }}{{ with . }}{{ $paths = append $paths .mountPath }}{{ end }}{{ end }}
{{- if not (has .env.BUTLER_REPO $paths) }}
{{- fail (printf "`ingest.sqliteButler` is given, but `ingest.env.BUTLER_REPO` is %s, where none of `ingest.claims` is mounted (%s): name the mount path of a claim" .env.BUTLER_REPO (join ", " $paths)) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Is the Secret that a pod reads made by somebody? */}}
{{- define "embargo-butler.checkSecret" -}}
{{- $secrets := include "embargo-butler.given" .root.Values.secrets | fromJson }}
{{- $existing := include "embargo-butler.given" .root.Values.existingSecrets | fromJson }}
{{- if not (hasKey $existing .ref.secret) }}
{{- if not (hasKey $secrets .ref.secret) }}
{{- fail (printf "`%s` reads Secret %s, which nothing makes: declare `secrets.%s`, or name it in `existingSecrets` if somebody else makes it" .at .ref.secret .ref.secret) }}
{{- else if not (hasKey (get $secrets .ref.secret) .ref.key) }}
{{- fail (printf "`%s` reads key %s of Secret %s, but `secrets.%s` has only %s" .at .ref.key .ref.secret .ref.secret (keys (get $secrets .ref.secret) | sortAlpha | join ", ")) }}{{ end }}
{{- end }}
{{- end }}

{{- /* Do the names inside the bucket configuration refer to something? */}}
{{- define "embargo-butler.checkBuckets" -}}
{{- with .Values.bucketConfig }}
{{- $config := . }}
{{- range $name, $owner := .owners }}
{{- $person := and $owner.profile (eq $.Values.hooks.buckets "byHand") }}
{{- if not (or $owner.path $person (eq $.Values.hooks.buckets "off")) }}{{ fail (printf "`bucketConfig.owners.%s.path` is not set: name the path in Vault that holds the keys of %s; where a person has them in an AWS `profile`, set `hooks.buckets: byHand`" $name $name) }}{{ end }}
{{- end }}
{{- range $kind := list "topics" "buckets" }}
{{- range $name, $thing := get $config $kind }}
{{- if not (hasKey $config.owners $thing.owner) }}
{{- fail (printf "`bucketConfig.%s.%s.owner` is %s, which `bucketConfig.owners` does not have: it has %s" $kind $name $thing.owner (keys $config.owners | sortAlpha | join ", ")) }}{{ end }}
{{- end }}
{{- end }}
{{- $bucket := splitList "@" $.Values.ingest.env.BUCKET | last }}
{{- if and .buckets (not (hasKey .buckets $bucket)) }}
{{- fail (printf "`ingest.env.BUCKET` is %s, but `bucketConfig.buckets` has only %s: ingest would wait for images that nobody announces, so correct the one or the other" $.Values.ingest.env.BUCKET (keys .buckets | sortAlpha | join ", ")) }}{{ end }}
{{- range $bucket, $thing := .buckets }}
{{- range $id, $notification := $thing.notifications }}
{{- if not (hasKey ($config.topics | default dict) $notification.topic) }}{{ fail (printf "`bucketConfig.buckets.%s.notifications.%s.topic` is %s, which `bucketConfig.topics` does not have" $bucket $id $notification.topic) }}{{ end }}
{{- if has $id ($thing.foreign | default list) }}{{ fail (printf "notification %s is in `bucketConfig.buckets.%s.notifications` and in its `foreign`: it is either ours or another team's" $id $bucket) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
