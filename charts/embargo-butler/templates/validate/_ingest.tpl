{{/* What ingest needs, and how many of it there may be. */}}

{{- define "embargo-butler.checkIngest" -}}
{{- include "embargo-butler.checkIngestEnv" . }}
{{- $files := include "embargo-butler.given" .Values.ingest.files | fromJson }}
{{- range $file, $ref := $files }}
{{- include "embargo-butler.checkSecret" (dict "root" $ "at" (printf "ingest.files.%s" $file) "ref" $ref) }}
{{- end }}
{{- if ne (empty .Values.ingest.rucio) (empty .Values.ingest.env.RUCIO_RSE) }}
{{- include "embargo-butler.mistake" (print
      "one of `ingest.rucio` and `ingest.env.RUCIO_RSE` is missing: "
      "give both to register images with Rucio, or none") }}
{{- end }}
{{- $key := dig "client" "ssh_private_key" "" (.Values.ingest.rucio | default dict) }}
{{- if and $key (not (hasKey $files (base $key))) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.rucio.client.ssh_private_key` is %s, but `ingest.files` has no %s: "
      "name the Secret that it comes from")
    $key (base $key)) }}
{{- end }}
{{- if has .Values.ingest.name (list "redis" "enqueue" "enqueue-drain" "exporter" "idle" "presence") }}
{{- include "embargo-butler.mistake" (printf "`ingest.name` is %s, as another Deployment's: take another name" .Values.ingest.name) }}
{{- end }}
{{- include "embargo-butler.checkScale" . }}
{{- include "embargo-butler.checkClaims" . }}
{{- end }}

{{- /* Is each claim either made or there, and does none that may be others' too get another group? */}}
{{- define "embargo-butler.checkClaims" -}}
{{- range $name, $claim := include "embargo-butler.given" .Values.ingest.claims | fromJson }}
{{- $key := printf "ingest.claims.%s" $name }}
{{- if not (or $claim.existingClaim $claim.size) }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s.size` is missing: "
      "say how large the claim is to be made, or name one that is there in `%s.existingClaim`")
    $key $key) }}
{{- end }}
{{- range $field := list "size" "storageClass" }}
{{- if and $claim.existingClaim (get $claim $field) }}
{{- include "embargo-butler.mistake" (printf (print
      "`%s.%s` is given, but `%s.existingClaim` is %s, which is not made here: "
      "leave one of both out")
    $key $field $key $claim.existingClaim) }}
{{- end }}
{{- end }}
{{- if and $.Values.ingest.fsGroup (not (hasPrefix "ReadWriteOnce" (toString $claim.accessMode))) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.fsGroup` is %d, but `%s` is ReadWriteMany, and others' files in it would be given to that group: "
      "set its `accessMode` to ReadWriteOnce, or leave the former out")
    (int64 $.Values.ingest.fsGroup) $key) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkIngestEnv" -}}
{{- $env := .Values.ingest.env }}
{{- range $name, $what := dict
      "BUCKET" "name the bucket that the images come to"
      "BUTLER_REPO" "say where the Butler repository is, as a path or a URL" }}
{{- if not (get $env $name) }}
{{- include "embargo-butler.mistake" (printf "`ingest.env.%s` is missing: %s" $name $what) }}
{{- end }}
{{- end }}
{{- $profile := regexFind `^[^@]+@` ($env.BUCKET | default "") | trimSuffix "@" }}
{{- $enqueue := .Values.enqueue.env.PROFILE | default "" }}
{{- if and $env.BUCKET (ne $profile $enqueue) }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.env.PROFILE` is %q, but `ingest.env.BUCKET` is %s: "
      "enqueue would put the images into another queue than ingest takes them from, so give both the same profile")
    $enqueue $env.BUCKET) }}
{{- end }}
{{- if and $profile (not (get $env (printf "LSST_RESOURCES_S3_PROFILE_%s" $profile))) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.env.BUCKET` is %s, but `ingest.env.LSST_RESOURCES_S3_PROFILE_%s` is missing: "
      "give the credentials of the profile")
    $env.BUCKET $profile) }}
{{- end }}
{{- if ne (empty $env.AWS_ACCESS_KEY_ID) (empty $env.AWS_SECRET_ACCESS_KEY) }}
{{- include "embargo-butler.mistake" (print
      "one of `ingest.env.AWS_ACCESS_KEY_ID` and `ingest.env.AWS_SECRET_ACCESS_KEY` is missing: "
      "give both, or none") }}
{{- end }}
{{- range $name := list "MAX_FAILURES" "MAX_GUIDER_WAIT" "MAX_INGESTS" "GROUP_LIFETIME" }}
{{- $value := get $env $name }}
{{- if and (hasKey $env $name) (kindIs "string" $value) (not (regexMatch `^[0-9]+(\.[0-9]+)?$` $value)) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.env.%s` is %q, on which ingest ends at its start: "
      "give a number, or null for its own")
    $name $value) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Why two pods of ingest must never run at once, as JSON: what is so, and what would come of it. */}}
{{- define "embargo-butler.alone" -}}
{{- $why := dict }}
{{- if .Values.ingest.sqliteButler }}
{{- $_ := set $why "`ingest.sqliteButler` is given" "two pods would corrupt the SQLite file" }}
{{- end }}
{{- range $name, $claim := include "embargo-butler.given" .Values.ingest.claims | fromJson }}
{{- if hasPrefix "ReadWriteOnce" (toString $claim.accessMode) }}
{{- $_ := set $why (printf "`ingest.claims.%s.accessMode` is %s" $name $claim.accessMode) "a second pod might never start" }}
{{- end }}
{{- end }}
{{- toJson $why }}
{{- end }}

{{- /* Does the number of ingest's pods suit those who decide it, and the Butler? */}}
{{- define "embargo-butler.checkScale" -}}
{{- with .Values.ingest }}
{{- $scaling := .autoscaling }}
{{- if $scaling.enabled }}
{{- if not (kindIs "invalid" .replicas) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.autoscaling.enabled` is true, but `ingest.replicas` is %d, which every upgrade would go back to: "
      "set `ingest.replicas` to null")
    (int .replicas)) }}
{{- end }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.autoscaling.minReplicas` is %d, but `ingest.autoscaling.maxReplicas` is %d: "
      "the former cannot be more")
    (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{- end }}
{{- end }}
{{- range $why, $harm := include "embargo-butler.alone" $ | fromJson }}
{{- with $.Values.ingest }}
{{- if $scaling.enabled }}
{{- include "embargo-butler.mistake" (printf (print
      "%s, but `ingest.autoscaling.enabled` is true: "
      "%s, so set it to false")
    $why $harm) }}
{{- else if or (kindIs "invalid" .replicas) (gt (int .replicas) 1) }}
{{- include "embargo-butler.mistake" (printf (print
      "%s, but `ingest.replicas` is %s: "
      "%s, so set it to 1")
    $why (ternary "null" (toString .replicas) (kindIs "invalid" .replicas)) $harm) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .sqliteButler }}
{{- $paths := list }}
{{- range .claims }}{{ with . }}{{ $paths = append $paths .mountPath }}{{ end }}{{ end }}
{{- if and .env.BUTLER_REPO (not (has .env.BUTLER_REPO $paths)) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.sqliteButler` is given, but `ingest.env.BUTLER_REPO` is %s, "
      "where none of `ingest.claims` is mounted (%s): name the mount path of a claim")
    .env.BUTLER_REPO (join ", " $paths)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
